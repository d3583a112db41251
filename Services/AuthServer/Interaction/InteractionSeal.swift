import Cryptography
import JOSE
import ServiceKit
import Tenancy

/// Seals interactions with AES-256-GCM, bound to the tenant and the browser: nobody reads or changes them, and they are worth nothing elsewhere.
struct InteractionSeal: Sendable {
    static let maximumBytes = 32 * 1024

    let keys: PlatformKeys
    let clock: WallClock

    func seal(_ interaction: Interaction, _ browser: BrowserCookie) async throws -> String {
        let key = try SealingKey(try await keys.key(.interaction))
        return Base64URL.encode(
            try key.seal(interaction.serialized(), authenticating: Self.context(interaction.tenant, browser)))
    }

    /// - Returns: nil for what is expired, changed, of another tenant or of another browser.
    func open(_ text: String?, tenant: TenantID?, _ browser: BrowserCookie) async throws -> Interaction? {
        guard let text, text.utf8.count <= Self.maximumBytes, let sealed = try? Base64URL.decode(text) else { return nil }
        let key = try SealingKey(try await keys.key(.interaction))
        guard let bytes = try? key.open(sealed, authenticating: Self.context(tenant, browser)),
            let interaction = Interaction(parsing: bytes), interaction.tenant == tenant, interaction.expiresAt > clock.now
        else { return nil }
        return interaction
    }

    private static func context(_ tenant: TenantID?, _ browser: BrowserCookie) -> [UInt8] {
        Array("interaction\n\(tenant?.description ?? "")\n\(browser.value)".utf8)
    }
}

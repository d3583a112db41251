import Cryptography
import FoundationEssentials
import ServiceKit
import Tenancy

/// One tenant's signing keys: there are those that must be, they open, and none is too old.
struct KeyExamination: Sendable {
    static let maximumAgeDays = 365

    let tenant: Tenant
    let keys: [SealedSigningKey]
    /// In seconds since 1970.
    let now: Int64

    /// - Parameter vault: nil where the master key is not given, which is a hazard of its own.
    func hazards(vault: KeyVault?) -> [Hazard] {
        var hazards: [Hazard] = []
        func add(_ severity: Hazard.Severity, _ object: String, _ problem: String, _ cure: String) {
            hazards.append(Hazard(severity: severity, check: "key", object: object, problem: problem, cure: cure))
        }
        let name = "tenant \(tenant.slug)"
        if let active = keys.first(where: { $0.state == .active }) {
            let age = (now - Int64((active.activatedAt ?? active.createdAt).timeIntervalSince1970)) / 86_400
            if let days = tenant.settings.keyRotationDays, age > days + 1 {
                add(
                    .warning, name, "signs with a key of \(age) days, though one is to sign for \(days)",
                    "auth-server serve rotates every hour: look into its log")
            } else if tenant.settings.keyRotationDays == nil, age > Self.maximumAgeDays {
                add(.warning, name, "signs with a key of \(age) days", "auth-server key rotate \(tenant.slug)")
            }
        } else {
            add(.error, name, "has no active key", "auth-server key rotate \(tenant.slug)")
        }
        if !keys.contains(where: { $0.state == .next }) {
            add(.warning, name, "has no next key: a rotation would surprise verifiers", "auth-server key rotate \(tenant.slug)")
        }
        guard let vault else { return hazards }
        for key in keys where key.isPublished(at: now) {
            if let sealed = key.sealedPrivateKey, (try? vault.open(key, tenant: tenant.id)) == nil {
                let isForeign = SealingKey.identifier(of: sealed) != vault.masterKey.identifier
                add(
                    .error, name, "has the key \(key.keyID), which the master key does not open",
                    isForeign
                        ? "set SALLYPORT_MASTER_KEY_FILE to the key that sealed it, or restore that"
                        : "restore auth.signing_key from a backup")
            } else if let sealed = key.sealedPrivateKey, SealingKey.identifier(of: sealed) != vault.masterKey.identifier {
                add(
                    .warning, name, "has the key \(key.keyID), which is still sealed under the previous master key",
                    "auth-server key reseal")
            }
        }
        return hazards
    }
}

import Cryptography
import FoundationEssentials
import JOSE
import Postgres
import ServiceKit

/// Everything `auth-server` can be told, validated once at start.
struct AuthServerSettings: Sendable {
    let baseURL: String
    let baseHost: String
    /// `scheme://host[:port]` of the base URL, in lower case.
    let baseOrigin: String
    /// The resource server's identifier, `aud` of access tokens.
    let audience: String
    let listen: (host: String, port: Int)
    let limits: ServerLimits
    let proxies: TrustedProxies
    let observability: ObservabilitySettings
    let database: PostgresConfiguration
    let masterKey: SealingKey
    /// Whether a client's `jwks_uri` may lie in a private network.
    let allowsPrivateKeySetAddresses: Bool
    let passwords: PasswordSettings
    let revocations: RevocationSettings

    init(_ settings: Settings) throws {
        baseURL = try settings.baseURL("BASE_URL")
        baseHost = URLComponents(string: baseURL)?.host?.lowercased() ?? ""
        baseOrigin = Self.origin(baseURL)
        audience = try settings.baseURL("API_URL", default: baseURL + "/api/v1")
        listen = try settings.listenAddress("AUTH_LISTEN", default: "127.0.0.1:8081")
        limits = try ServerLimits(settings)
        proxies = try TrustedProxies(settings.optional("TRUSTED_PROXIES") ?? "", variable: "SALLYPORT_TRUSTED_PROXIES")
        observability = try ObservabilitySettings(settings)
        database = try Self.database(settings)
        masterKey = try Self.masterKey(settings)
        allowsPrivateKeySetAddresses = try settings.flag("ALLOW_PRIVATE_JWKS_URIS", default: false)
        passwords = try PasswordSettings(settings)
        revocations = try RevocationSettings(settings)
    }

    private static func origin(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url.lowercased() }
        let end = url[scheme.upperBound...].firstIndex(of: "/") ?? url.endIndex
        return url[..<end].lowercased()
    }

    static func database(_ settings: Settings) throws(SettingError) -> PostgresConfiguration {
        try settings.database(
            "AUTH_DATABASE", application: "auth-server",
            cure:
                "Give a connection string of the role sallyport_auth, such as postgresql://sallyport_auth@db/sallyport?passfile=/etc/sallyport/pgpass."
        )
    }

    static func ownerDatabase(_ settings: Settings) throws(SettingError) -> PostgresConfiguration {
        try settings.database(
            "OWNER_DATABASE", application: "auth-server migrate",
            cure: "Give a connection string of the role that owns the database, such as postgresql://sallyport_owner@db/sallyport."
        )
    }

    /// The key that seals, which opens what SALLYPORT_MASTER_KEY_PREVIOUS sealed too, where that is set.
    static func masterKey(_ settings: Settings) throws(SettingError) -> SealingKey {
        let cure =
            "Name a file with 32 random bytes in hexadecimal or base64url in SALLYPORT_MASTER_KEY_FILE; make one with: openssl rand -hex 32"
        let key = try sealingKey(settings.secret("MASTER_KEY", cure: cure), variable: "SALLYPORT_MASTER_KEY", cure: cure)
        guard settings.optional("MASTER_KEY_PREVIOUS_FILE") != nil || settings.optional("MASTER_KEY_PREVIOUS") != nil else { return key }
        let previousCure = "Name a file with the other master key in SALLYPORT_MASTER_KEY_PREVIOUS_FILE, or unset it."
        let previous = try settings.secret("MASTER_KEY_PREVIOUS", cure: previousCure)
        return key.opening(try sealingKey(previous, variable: "SALLYPORT_MASTER_KEY_PREVIOUS", cure: previousCure))
    }

    static func sealingKey(_ text: String, variable: String, cure: String) throws(SettingError) -> SealingKey {
        guard let bytes = bytes(text), let key = try? SealingKey(bytes) else {
            throw SettingError(variable: variable, problem: "is not 32 bytes in hexadecimal or base64url", cure: cure)
        }
        return key
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        guard text.utf8.count == 64 else { return try? Base64URL.decode(text) }
        let digits = Array(text.utf8)
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16) }
        return bytes.count == 32 ? bytes : nil
    }
}

import FoundationEssentials
import Postgres
import ServiceKit

/// Everything `resource-api` can be told, validated once at start.
struct ResourceAPISettings: Sendable {
    let baseURL: String
    let baseHost: String
    /// The API's own identifier: tokens must name it in `aud`.
    let apiURL: String
    /// The path of ``apiURL``, such as `/api/v1`.
    let apiPath: String
    /// Where key sets are fetched: one authorization server after the other, until one answers.
    let jwksBaseURLs: [String]
    let listen: (host: String, port: Int)
    let limits: ServerLimits
    let proxies: TrustedProxies
    let observability: ObservabilitySettings
    let database: PostgresConfiguration
    let schemas: [String]
    /// Without word from the revocation log for so long, tokens are refused.
    let revocationStaleness: Duration
    /// Rows that one read returns at most.
    let maximumRows: Int
    /// How often to look whether the catalog has changed; zero for never.
    let catalogPollInterval: Duration
    /// Bytes of one request's body.
    let maximumBodyBytes: Int
    /// Whether a request may ask that nothing of it is kept.
    let allowsRollback: Bool
    /// Whether a read may ask for `count()`, `sum()` and the like.
    let allowsAggregates: Bool
    /// Statements of one tenant under way at once.
    let tenantConcurrency: Int
    let roleLimits: RoleLimitTable
    /// Exports and imports under way at once.
    let streams: Int
    /// Bytes of one import at most.
    let maximumImportBytes: Int
    /// How long one of them may take.
    let streamTimeout: Duration

    init(_ settings: Settings) throws {
        baseURL = try settings.baseURL("BASE_URL")
        baseHost = URLComponents(string: baseURL)?.host?.lowercased() ?? ""
        apiURL = try settings.baseURL("API_URL", default: baseURL + "/api/v1")
        apiPath = URLComponents(string: apiURL)?.path ?? ""
        jwksBaseURLs = try settings.baseURLs("API_JWKS_BASE_URL", default: baseURL)
        listen = try settings.listenAddress("API_LISTEN", default: "127.0.0.1:8082")
        limits = try ServerLimits(settings)
        proxies = try TrustedProxies(settings.optional("TRUSTED_PROXIES") ?? "", variable: "SALLYPORT_TRUSTED_PROXIES")
        observability = try ObservabilitySettings(settings)
        database = try Self.database(settings)
        revocationStaleness = .seconds(try settings.integer("REVOCATION_STALENESS_S", default: 5, in: 5...60))
        maximumRows = try settings.integer("API_MAX_ROWS", default: 1000, in: 1...1_000_000)
        catalogPollInterval = .seconds(try settings.integer("API_CATALOG_POLL_SECONDS", default: 10, in: 0...86400))
        maximumBodyBytes = try settings.integer("API_MAX_BODY_BYTES", default: 1024 * 1024, in: 1024...1_073_741_824)
        allowsRollback = try settings.flag("API_ALLOW_ROLLBACK", default: false)
        allowsAggregates = try settings.flag("API_AGGREGATES", default: true)
        tenantConcurrency = try settings.integer(
            "API_TENANT_CONCURRENCY", default: TenantDatabase.defaultConcurrency(database), in: 1...1_000_000)
        roleLimits = try RoleLimitTable(settings)
        streams = try settings.integer("API_STREAMS", default: 4, in: 1...1000)
        maximumImportBytes = try settings.integer("API_MAX_IMPORT_BYTES", default: 1_073_741_824, in: 1024...1_099_511_627_776)
        streamTimeout = .seconds(try settings.integer("API_STREAM_TIMEOUT_S", default: 600, in: 1...86_400))
        schemas = try Self.schemas(settings)
    }

    static func database(_ settings: Settings) throws -> PostgresConfiguration {
        try settings.database(
            "API_DATABASE", application: "resource-api",
            cure:
                "Give a connection string of the role sallyport_api, such as postgresql://sallyport_api@db/sallyport?passfile=/etc/sallyport/pgpass."
        )
    }

    static func schemas(_ settings: Settings) throws -> [String] {
        let schemas = (settings.optional("API_SCHEMAS") ?? "api").split(separator: ",").map { String($0.drop { $0 == " " }) }
        guard !schemas.isEmpty, !schemas.contains("") else {
            throw SettingError(variable: "SALLYPORT_API_SCHEMAS", problem: "names no schema", cure: "Leave it unset for ‘api’.")
        }
        return schemas
    }
}

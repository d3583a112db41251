import HTTPTypes
import Hummingbird
import Logging
import OAuth
import Postgres
import ServiceKit
import ServiceLifecycle

/// Puts the server together: the only place that knows every concrete type.
struct AuthServerApplication: Sendable {
    /// Everything that runs besides the HTTP server, in the order in which it starts.
    let background: [any Service]
    let responder: RouterResponder<ServiceContext>
    private let server: any Service
    private let health: Health

    /// In the order in which they start; they stop in reverse, readiness first.
    var services: [any Service] { background + [server, health, StartupPages()] }

    init(_ settings: AuthServerSettings, logger: Logger, clock: WallClock = .system) throws {
        let database = try Postgres(settings.database, logger: logger)
        let listener = try PostgresListener(settings.database, channels: [ChangeFeed.channel], logger: logger)
        let registry = PrometheusRegistry()

        let tenants = TenantDirectory(store: TenantStore(database: database))
        let clients = ClientDirectory(store: ClientStore(database: database))
        let keys = KeyRings(store: KeyStore(database: database), vault: KeyVault(masterKey: settings.masterKey), clock: clock)
        let clientKeySource = HTTPClientKeySource(allowsPrivateAddresses: settings.allowsPrivateKeySetAddresses)
        let recognized = RecognizedRequests()
        let changes = ChangeFeed(listener: listener, observers: [tenants, clients, keys, recognized], logger: logger)

        let requestTenant = RequestTenant(directory: tenants, baseHost: settings.baseHost)
        let issuers = Issuers(baseURL: settings.baseURL)
        let assertions = ClientAssertions(
            issuers: issuers,
            keys: ClientAssertionKeys(
                vault: ClientSecretVault(masterKey: settings.masterKey), keySets: ClientKeySets(source: clientKeySource, logger: logger),
                clock: clock),
            store: ClientAssertionStore(database: database), clock: clock
        )
        let authenticator = ClientAuthenticator(tenants: tenants, clients: clients, assertions: assertions, clock: clock)
        let grants: [any TokenGrant] = [ClientCredentialsGrant()]
        health = Health(checks: [.init("database") { database.isReady }], registry: registry)

        let router = Router(context: ServiceContext.self)
        router.add(
            middleware: RequestPipeline(proxies: settings.proxies, metrics: registry, failure: OAuthErrorResponse.failure)
        )
        health.addRoutes(to: router)
        DiscoveryEndpoint(requestTenant: requestTenant, issuers: issuers, audience: settings.audience, grants: grants.map(\.type))
            .addRoutes(to: router)
        JWKSEndpoint(tenants: requestTenant, keys: keys).addRoutes(to: router)
        TokenEndpoint(
            requestTenant: requestTenant,
            authenticator: authenticator,
            grants: grants,
            recognized: recognized,
            issuer: AccessTokenIssuer(issuers: issuers, audience: settings.audience, keys: keys, clock: clock)
        ).addRoutes(to: router)

        responder = router.buildResponder()
        server = HTTPService.make(responder, listen: settings.listen, logger: logger)
        background = [database, listener, changes]
    }
}

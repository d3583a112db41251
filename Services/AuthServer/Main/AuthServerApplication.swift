import HTTPTypes
import Hummingbird
import Logging
import OAuth
import Passwords
import Postgres
import Revocation
import ServiceKit
import ServiceLifecycle

/// Puts the server together: the only place that knows every concrete type.
struct AuthServerApplication: Sendable {
    /// Everything that runs besides the HTTP server, in the order in which it starts.
    let background: [any Service]
    let responder: ShortcutResponder
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
        let recognized = RecognizedRequests()
        let issuers = Issuers(baseURL: settings.baseURL)
        let revocations = RevocationIndex()
        let verifier = AccessTokenVerifier(issuers: issuers, keys: keys, revocations: revocations, clock: clock)
        let changes = ChangeFeed(listener: listener, observers: [tenants, clients, keys, verifier, recognized], logger: logger)
        let revocationFeed = RevocationFeed(
            listener: try PostgresListener(settings.database, channels: [RevocationFeed.channel], logger: logger),
            log: RevocationLog(database: database), index: revocations, clock: clock, logger: logger
        )

        let requestTenant = RequestTenant(directory: tenants, baseHost: settings.baseHost)
        let authenticator = ClientAuthenticator(tenants: tenants, clients: clients, clock: clock)
        let platformKeys = PlatformKeys(store: PlatformKeyStore(database: database), masterKey: settings.masterKey)
        let accounts = AccountStore(database: database)
        let accessGrants = AccessGrantStore(database: database)
        let refreshTokens = RefreshTokens(keys: platformKeys)
        let grants: [any TokenGrant] = [
            ClientCredentialsGrant(),
            AuthorizationCodeGrant(store: accessGrants, refreshTokens: refreshTokens, clock: clock),
            RefreshTokenGrant(store: accessGrants, refreshTokens: refreshTokens, clock: clock),
        ]
        let throttle = SignInThrottle(database: database, clock: clock)
        let housekeeping = Housekeeping(store: PartitionStore(database: database), throttle: throttle, logger: logger)
        health = Health(
            checks: [
                .init("database") { database.isReady }, .init("partitions") { housekeeping.isDone },
                .init("revocations") { revocations.isCurrent },
            ],
            registry: registry
        )

        let router = Router(context: ServiceContext.self)
        let pipeline = RequestPipeline(proxies: settings.proxies, metrics: registry, failure: OAuthErrorResponse.failure)
        router.add(middleware: pipeline)
        health.addRoutes(to: router)
        AssetsEndpoint().addRoutes(to: router)
        DiscoveryEndpoint(requestTenant: requestTenant, issuers: issuers, audience: settings.audience, grants: grants.map(\.type))
            .addRoutes(to: router)
        JWKSEndpoint(tenants: requestTenant, keys: keys).addRoutes(to: router)
        let tokens = TokenEndpoint(
            requestTenant: requestTenant,
            authenticator: authenticator,
            grants: grants,
            recognized: recognized,
            issuer: AccessTokenIssuer(
                issuers: issuers, audience: settings.audience, keys: keys, revocations: revocations, grants: accessGrants, clock: clock
            ),
            identity: IDTokenIssuer(issuers: issuers, keys: keys, accounts: accounts, clock: clock)
        )
        tokens.addRoutes(to: router)
        RevocationEndpoint(
            requestTenant: requestTenant, authenticator: authenticator, verifier: verifier, grants: accessGrants,
            refreshTokens: refreshTokens, index: revocations, clock: clock
        ).addRoutes(to: router)
        IntrospectionEndpoint(
            requestTenant: requestTenant, authenticator: authenticator, verifier: verifier, grants: accessGrants, keys: keys,
            issuers: issuers, clock: clock
        ).addRoutes(to: router)
        UserInfoEndpoint(
            requestTenant: requestTenant, verifier: verifier, clients: clients, grants: accessGrants, accounts: accounts, keys: keys,
            issuers: issuers
        ).addRoutes(to: router)

        let vault = KeyVault(masterKey: settings.masterKey)
        let hasher = settings.passwords.hasher()
        AdminEndpoint(
            database: database, requestTenant: requestTenant, issuers: issuers, clients: clients, vault: vault, clock: clock,
            verify: verifier.verify,
            preparePassword: NewPasswords(
                passwords: NewPassword(accounts: accounts, hasher: hasher, breached: settings.passwords.breached, clock: clock)
            ).prepare
        ).addRoutes(to: router)

        responder = ShortcutResponder(tokens.shortcuts, pipeline: pipeline, router: router.buildResponder())
        server = HTTPService.make(responder, listen: settings.listen, logger: logger)
        let rotation = KeyRotation(store: KeyStore(database: database), vault: vault, clock: clock)
        background = [
            database, housekeeping, PasswordHashing(hasher: hasher), listener, changes, revocationFeed.listener, revocationFeed,
            KeyRotationSchedule(rotation: rotation, tenants: TenantStore(database: database), logger: logger),
        ]
    }
}

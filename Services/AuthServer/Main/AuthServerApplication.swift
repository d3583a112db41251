import Hummingbird
import Logging
import Postgres
import Revocation
import ServiceKit
import ServiceLifecycle

/// Puts the server together: with ``AuthServerParts`` the only place that knows every concrete type.
struct AuthServerApplication: Sendable {
    /// Everything that runs besides the HTTP server, in the order in which it starts.
    let background: [any Service]
    let responder: ShortcutResponder
    private let server: any Service
    private let health: Health

    /// In the order in which they start; they stop in reverse, readiness first.
    var services: [any Service] { background + [server, health, StartupPages()] }

    init(_ settings: AuthServerSettings, logger: Logger, clock: WallClock = .system) throws {
        let parts = try AuthServerParts(settings, logger: logger, clock: clock)
        health = Health(
            checks: [
                .init("database") { parts.database.isReady },
                .init("partitions") { parts.housekeeping.isDone },
                .init("revocations") { parts.revocations.isCurrent },
            ],
            registry: parts.observability.registry, access: parts.observability.access
        )
        let pipeline = RequestPipeline(
            proxies: settings.proxies, metrics: parts.observability.requests, tracer: parts.observability.tracer,
            failure: OAuthErrorResponse.failure)
        parts.registerMetrics()
        parts.observeRevocations(parts.observability.registry)
        let router = Router(context: ServiceContext.self)
        router.add(middleware: ErrorPages(requestTenant: parts.requestTenant))
        router.add(middleware: pipeline)

        let (tokens, introspection) = (parts.tokenEndpoint, parts.introspectionEndpoint)
        tokens.addRoutes(to: router)
        introspection.addRoutes(to: router)
        parts.addProtocolRoutes(to: router)
        PeopleEndpoints(parts).addRoutes(to: router)
        AdminEndpoint(parts).addRoutes(to: router)
        AssetsEndpoint().addRoutes(to: router)
        health.addRoutes(to: router)

        responder = ShortcutResponder(tokens.shortcuts + introspection.shortcuts, pipeline: pipeline, router: router.buildResponder())
        server = HTTPService.make(
            responder, listen: settings.listen, limits: settings.limits, refusal: OAuthErrorResponse.overload,
            metrics: parts.observability.registry, isReady: { [health] in await health.isReady() }, logger: logger)
        background = parts.background
    }
}

extension AuthServerParts {
    /// What a token can be asked for with.
    private var tokenGrants: [any TokenGrant] {
        [
            ClientCredentialsGrant(),
            AuthorizationCodeGrant(store: grants, refreshTokens: refreshTokens, clock: clock),
            RefreshTokenGrant(store: grants, refreshTokens: refreshTokens, clock: clock),
            PasswordGrant(
                signIn: passwords, accounts: accounts, store: grants, refreshTokens: refreshTokens, subjects: subjects, clock: clock
            ),
        ]
    }

    fileprivate var tokenEndpoint: TokenEndpoint {
        TokenEndpoint(
            requestTenant: requestTenant,
            authenticator: authenticator,
            grants: tokenGrants,
            recognized: recognized,
            issuer: AccessTokenIssuer(
                issuers: issuers, audience: settings.audience, keys: keys, revocations: revocations, grants: grants,
                statuses: StatusIndices(store: statusLists, revocations: revocations), clock: clock
            ),
            identity: IDTokenIssuer(issuers: issuers, keys: keys, accounts: accounts, clock: clock)
        )
    }

    fileprivate var introspectionEndpoint: IntrospectionEndpoint {
        IntrospectionEndpoint(
            requestTenant: requestTenant, authenticator: authenticator, verifier: verifier, grants: grants, keys: keys, issuers: issuers,
            clock: clock
        )
    }

    fileprivate func observeRevocations(_ registry: PrometheusRegistry) {
        let (index, streams) = (revocations, revocationStreams)
        registry.observeGauge("sallyport_revocation_lag_seconds", "How long ago it was certain that no revocation is missing.") {
            index.lag.map { $0 / .seconds(1) } ?? .infinity
        }
        registry.observeGauge("sallyport_revocation_entries", "Entries of the revocation index.") { Double(index.count) }
        registry.observeGauge("sallyport_revocation_streams", "Open streams of revocations.") { Double(streams.count) }
        registry.observeCounter("sallyport_revocation_streams_refused_total", "Streams refused, since as many were open as may be.") {
            Double(streams.refusals)
        }
        registry.observeCounter("sallyport_revocation_stale_refusals_total", "Tokens not answered, since the index was not current.") {
            Double(index.refusals)
        }
    }

    /// What programs speak, besides asking for tokens.
    fileprivate func addProtocolRoutes(to router: some RouterMethods<ServiceContext>) {
        DiscoveryEndpoint(
            requestTenant: requestTenant, issuers: issuers, audience: settings.audience, grants: tokenGrants.map(\.type), keys: keys
        ).addRoutes(to: router)
        JWKSEndpoint(tenants: requestTenant, keys: keys).addRoutes(to: router)
        RevocationEndpoint(
            requestTenant: requestTenant, authenticator: authenticator, verifier: verifier, grants: grants, refreshTokens: refreshTokens,
            index: revocations, clock: clock
        ).addRoutes(to: router)
        RevocationFeedEndpoint(
            requestTenant: requestTenant,
            reader: RevocationReader(tenants: tenants, clients: clients, authenticator: authenticator, verifier: verifier),
            log: RevocationLog(database: database), index: revocations, streams: revocationStreams, clock: clock
        ).addRoutes(to: router)
        StatusListEndpoint(
            requestTenant: requestTenant, lists: StatusLists(store: statusLists, keys: keys, issuers: issuers, clock: clock)
        ).addRoutes(to: router)
        UserInfoEndpoint(
            requestTenant: requestTenant, verifier: verifier, clients: clients, grants: grants, accounts: accounts, keys: keys,
            issuers: issuers
        ).addRoutes(to: router)
    }
}

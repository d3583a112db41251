import Hummingbird
import Logging
import Postgres
import Revocation
import ServiceKit
import ServiceLifecycle

/// Puts the API together: the only place that knows every concrete type.
struct ResourceAPIApplication: Sendable {
    /// Everything that runs besides the HTTP server, in the order in which it starts.
    let background: [any Service]
    let responder: CrossOrigin<ShortcutResponder>
    private let server: any Service
    private let health: Health

    /// In the order in which they start; they stop in reverse, readiness first.
    var services: [any Service] { background + [server, health, StartupPages()] }

    init(
        _ settings: ResourceAPISettings, logger: Logger, keySource: (any KeySetSource)? = nil, clock: WallClock = .system
    ) throws {
        let database = try Postgres(settings.database, logger: logger)
        let listener = try PostgresListener(settings.database, channels: [LiveCatalog.channel], logger: logger)
        let observability = Observability(settings.observability, service: "resource-api", logger: logger)
        let catalog = LiveCatalog(
            store: CatalogStore(schemas: settings.schemas), maximumRows: settings.maximumRows, allowsRollback: settings.allowsRollback,
            allowsAggregates: settings.allowsAggregates, pollInterval: settings.catalogPollInterval, postgres: database,
            listener: listener, logger: logger
        )

        let revocations = RevocationIndex(staleness: settings.revocationStaleness)
        observability.registry.observeGauge(
            "sallyport_revocation_lag_seconds", "How long ago it was certain that no revocation is missing."
        ) { revocations.lag.map { $0 / .seconds(1) } ?? .infinity }
        observability.registry.observeGauge("sallyport_revocation_entries", "Entries of the revocation index.") {
            Double(revocations.count)
        }
        observability.registry.observeCounter(
            "sallyport_revocation_stale_refusals_total", "Tokens not answered, since the index was not current."
        ) { Double(revocations.refusals) }
        let revocationFeed = try RevocationFeed(settings.database, database: database, index: revocations, logger: logger) { clock.now }

        let verified = VerifiedTokens()
        var background: [any Service] =
            observability.services + [
                database, listener, catalog, revocationFeed.listener, revocationFeed, PartitionKeeper(postgres: database, logger: logger),
            ]
        let source: any KeySetSource
        if let keySource {
            source = keySource
        } else {
            let fetched = HTTPKeySetSource(baseURLs: settings.jwksBaseURLs)
            source = fetched
            background.append(fetched)
        }
        let keys = KeySets(source: source, logger: logger, changed: { verified.removeAll(of: $0) })
        let verifier = TokenVerifier(
            baseURL: settings.baseURL, audience: settings.apiURL, keys: keys, verified: verified, revocations: revocations, clock: clock
        )
        let metadata = ResourceMetadataEndpoint(settings: settings)
        let gate = Gate(verifier: verifier, baseHost: settings.baseHost, metadataURL: metadata.url, tenants: observability.tenants)
        health = Health(
            checks: [
                .init("database") { database.isReady }, .init("catalog") { catalog.engine != nil },
                .init("revocations") { revocations.isCurrent },
            ],
            registry: observability.registry, access: observability.access
        )

        let router = Router(context: ServiceContext.self)
        let pipeline = RequestPipeline(
            proxies: settings.proxies, metrics: observability.requests, tracer: observability.tracer, failure: ErrorResponses.failure)
        router.add(middleware: pipeline)
        health.addRoutes(to: router)
        metadata.addRoutes(to: router)
        let shared = TenantDatabase(
            database, concurrency: settings.tenantConcurrency, streams: settings.streams, limits: settings.roleLimits)
        observability.registry.register(database, shared, verified)
        let executor = ResourceExecutor(database: shared)
        let tables = TableEndpoint(
            path: settings.apiPath, gate: gate, catalog: catalog, executor: executor,
            maximumBodyBytes: settings.maximumBodyBytes
        )
        tables.addRoutes(to: router)
        let functions = FunctionEndpoint(tables: tables)
        functions.addRoutes(to: router)
        RestoreEndpoint(tables: tables).addRoutes(to: router)
        BatchEndpoint(tables: tables).addRoutes(to: router)
        ExportEndpoint(tables: tables, database: shared, timeout: settings.streamTimeout).addRoutes(to: router)
        ImportEndpoint(tables: tables, database: shared, maximumBytes: settings.maximumImportBytes, timeout: settings.streamTimeout)
            .addRoutes(to: router)
        OpenAPIEndpoint(path: settings.apiPath, gate: gate, catalog: catalog).addRoutes(to: router)

        let shortcuts = ShortcutResponder(tables.shortcuts + functions.shortcuts, pipeline: pipeline, router: router.buildResponder())
        responder = CrossOrigin(inner: shortcuts, path: settings.apiPath)
        server = HTTPService.make(
            responder, listen: settings.listen, limits: settings.limits, refusal: ErrorResponses.overload,
            hasRoom: { head in verifier.known(head.headerFields).map { shared.hasRoom(for: $0.settings.tenant) } ?? true },
            metrics: observability.registry,
            isReady: { [health] in await health.isReady() }, logger: logger
        )
        self.background = background
    }
}

public import Logging
public import ServiceLifecycle
import Synchronization
internal import Telemetry

/// A pool of connections to one PostgreSQL, shared by pipelining.
///
/// A request's settings and statement travel together before one Sync: one round trip, and one implicit transaction that ends with
/// it. Requests share connections; what one sets never reaches the next, and an error touches only the request it belongs to.
///
/// Add it to the service group (before whatever uses it), or use `withPool`. Requests made earlier start it too.
public final class Postgres: Service, SQLExecutor, Sendable {
    private enum Phase {
        case idle
        case started
        case ended
    }

    public let configuration: PostgresConfiguration
    private let drivers: [Driver]
    private let phase = Mutex(Phase.idle)
    private let turn = Atomic<Int>(0)

    /// - Throws: `.configuration` if libpq cannot parse the connection string, or a limit makes no sense.
    public init(_ configuration: PostgresConfiguration, logger: Logger) throws(PostgresError) {
        guard configuration.poolSize > 0, configuration.driverThreads > 0, configuration.maximumPipelineDepth > 0 else {
            throw .configuration("pool size, driver threads and pipeline depth must be positive")
        }
        self.configuration = configuration
        let target = try ConnectionTarget(configuration)
        let threads = min(configuration.driverThreads, configuration.poolSize)
        drivers = (0..<threads).map { index in
            var share = configuration
            share.poolSize = configuration.poolSize / threads + (index < configuration.poolSize % threads ? 1 : 0)
            share.minimumConnections = max(1, configuration.minimumConnections / threads)
            share.maximumQueueLength = max(1, configuration.maximumQueueLength / threads)
            return Driver(configuration: share, target: target, logger: logger)
        }
    }

    deinit {
        for driver in drivers { driver.post(.stop) }
    }

    /// Keeps the pool open until graceful shutdown, then lets what is queued and in flight finish. When the task is cancelled,
    /// everything ends at once with `.closed`.
    public func run() async throws {
        start()
        await withTaskCancellationHandler {
            try? await gracefulShutdown()
            await shutdown()
        } onCancel: {
            stop()
        }
    }

    /// Takes no more requests, waits for those there are, closes the connections.
    nonisolated(nonsending) public func shutdown() async {
        let mustEnd = phase.withLock { phase in
            defer { phase = .ended }
            return phase != .ended
        }
        guard mustEnd else { return }
        let running = drivers.filter(\.isStarted)
        for driver in running { driver.post(.drain) }
        for driver in running { await driver.waitUntilStopped() }
    }

    /// Runs `body` with a pool that is closed afterwards: for commands.
    nonisolated(nonsending) public static func withPool<R>(
        _ configuration: PostgresConfiguration, logger: Logger, _ body: (Postgres) async throws -> R
    ) async throws -> R {
        let pool = try Postgres(configuration, logger: logger)
        do {
            let value = try await body(pool)
            await pool.shutdown()
            return value
        } catch {
            await pool.shutdown()
            throw error
        }
    }

    /// Opens the first connection without waiting for it. The first request does so too, and tells if there is no room for a thread.
    public func start() {
        try? startDrivers()
    }

    private func startDrivers() throws(PostgresError) {
        try phase.withLock { phase throws(PostgresError) in
            guard phase == .idle else { return }
            for driver in drivers { try driver.start() }
            phase = .started
        }
    }

    private func stop() {
        for driver in drivers { driver.post(.stop) }
    }

    // MARK: - Requests

    nonisolated(nonsending) public func query(_ sql: SQL, timeout: Duration?) async throws -> QueryResult {
        try await query(sql, settings: .none, timeout: timeout)
    }

    nonisolated(nonsending) public func batch(_ statements: [SQL], timeout: Duration?) async throws -> [QueryResult] {
        try await batch(statements, settings: .none, timeout: timeout)
    }

    /// Runs one statement with settings that hold for it alone, in one round trip.
    nonisolated(nonsending) public func query(_ sql: SQL, settings: TransactionSettings, timeout: Duration? = nil) async throws
        -> QueryResult
    {
        try await perform(sql, [], settings: settings, kind: .unit, on: nextDriver(), timeout: timeout).result()
    }

    /// Runs statements in one transaction and one round trip; if one fails, none has run.
    nonisolated(nonsending) public func batch(_ statements: [SQL], settings: TransactionSettings, timeout: Duration? = nil) async throws
        -> [QueryResult]
    {
        guard let first = statements.first else { return [] }
        return try await perform(first, statements.dropFirst(), settings: settings, kind: .unit, on: nextDriver(), timeout: timeout)
            .results()
    }

    /// As ``batch(_:settings:timeout:)``, and tells how long the server worked on it, without the time it waited behind others.
    ///
    /// - Parameters:
    ///   - isAlone: whether it shares no connection while it runs: for what may be slow, as whatever shares waits behind it.
    ///   - service: in nanoseconds, also where an error is thrown; nil where the server's answer was not awaited.
    nonisolated(nonsending) public func batch(
        _ statements: [SQL], settings: TransactionSettings, timeout: Duration? = nil, isAlone: Bool, service: inout Int64?
    ) async throws -> [QueryResult] {
        guard let first = statements.first else { return [] }
        let request = try Self.request(
            first, statements.dropFirst(), settings: settings, kind: .unit, timeout: timeout, isAlone: isAlone)
        defer { service = request.service }
        try await perform(request, on: nextDriver())
        return try request.results()
    }

    nonisolated(nonsending) func perform(
        _ first: SQL, _ rest: ArraySlice<SQL>, settings: TransactionSettings = .none, kind: Request.Kind, on driver: Driver,
        timeout: Duration?
    ) async throws -> Request {
        let request = try Self.request(first, rest, settings: settings, kind: kind, timeout: timeout)
        try await perform(request, on: driver)
        return request
    }

    private static func request(
        _ first: SQL, _ rest: ArraySlice<SQL>, settings: TransactionSettings, kind: Request.Kind, timeout: Duration?, isAlone: Bool = false
    ) throws -> Request {
        let bound = first.resolved()
        try check(bound.parameters)
        try check(settings)
        let others = try rest.map { sql in
            let bound = sql.resolved()
            try check(bound.parameters)
            return bound
        }
        return Request(kind: kind, settings: settings, first: bound, rest: others, timeout: timeout, isAlone: isAlone)
    }

    /// Hands the request to the driver and waits for its end.
    /// - Parameter isCancellable: false for what must happen even in a cancelled task, such as ROLLBACK.
    nonisolated(nonsending) func perform(_ request: Request, on driver: Driver, isCancellable: Bool = true) async throws {
        guard let span = Span.current?.child(.client) else {
            return try await carryOut(request, on: driver, isCancellable: isCancellable)
        }
        do {
            try await carryOut(request, on: driver, isCancellable: isCancellable)
            request.end(span)
        } catch {
            request.end(span, error)
            throw error
        }
    }

    nonisolated(nonsending) private func carryOut(_ request: Request, on driver: Driver, isCancellable: Bool) async throws {
        if phase.withLock({ $0 }) != .started { try startIfPossible() }
        if isCancellable {
            if Task.isCancelled { throw CancellationError() }
            await withTaskCancellationHandler {
                await withUnsafeContinuation { continuation in
                    request.continuation = continuation
                    driver.submit(request)
                }
            } onCancel: {
                driver.post(.cancel(request))
            }
        } else {
            await withUnsafeContinuation { continuation in
                request.continuation = continuation
                driver.submit(request)
            }
        }
        if let failure = request.failure { throw failure }
    }

    private func startIfPossible() throws {
        try startDrivers()
        if phase.withLock({ $0 }) == .ended { throw PostgresError.closed }
    }

    func nextDriver() -> Driver {
        if drivers.count == 1 { return drivers[0] }
        let turn = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return drivers[Int(UInt(bitPattern: turn) % UInt(drivers.count))]
    }

    static func check(_ parameters: [SQLParameter]) throws(PostgresError) {
        if parameters.count > 65_535 { throw .invalidParameter("more than 65535 parameters") }
        for (index, parameter) in parameters.enumerated() where parameter.containsNUL {
            throw .invalidParameter("parameter $\(index + 1) contains U+0000, which text cannot hold")
        }
    }

    static func check(_ settings: TransactionSettings) throws(PostgresError) {
        switch settings.fault {
        case nil: return
        case .tooMany: throw .invalidParameter("more than \(TransactionSettings.maximumCount) settings")
        case .containsNUL: throw .invalidParameter("a setting contains U+0000, which text cannot hold")
        }
    }

    // MARK: - State

    /// Numbers for metrics, as of the last moment the drivers were at rest.
    public struct Statistics: Sendable, Hashable {
        public var open = 0
        public var connecting = 0
        /// Connections held by interactive transactions.
        public var leased = 0
        /// Requests with the server.
        public var inFlight = 0
        /// Requests waiting for a connection.
        public var waiting = 0
        /// Connections with something in flight or leased.
        public var busy = 0
        /// Requests in flight on the connection that has most.
        public var deepest = 0
        /// Connections that quick statements share at most.
        public var breadth = 0
        /// Since the start: requests that the server answered, and how long it worked on them.
        public var answered = 0
        public var serviceNanoseconds = 0
    }

    public var statistics: Statistics {
        var sum = Statistics()
        for driver in drivers {
            let counters = driver.counters
            sum.open += counters.open
            sum.connecting += counters.connecting
            sum.leased += counters.leased
            sum.inFlight += counters.inFlight
            sum.waiting += counters.waiting
            sum.busy += counters.busy
            sum.deepest = max(sum.deepest, counters.deepest)
            sum.breadth += counters.breadth
            sum.answered += counters.answered
            sum.serviceNanoseconds += counters.serviceNanoseconds
        }
        return sum
    }

    /// Whether each driver has a connection.
    public var isReady: Bool { drivers.allSatisfy { $0.counters.open > 0 } }

    /// - Throws: `.unavailable` if no connection is there after `timeout`.
    nonisolated(nonsending) public func waitUntilReady(timeout: Duration = .seconds(10)) async throws {
        start()
        let deadline = ContinuousClock.now + timeout
        while !isReady {
            if ContinuousClock.now >= deadline {
                // The reason is with the driver; a query gets to hear it.
                _ = try await query("SELECT 1", timeout: .seconds(1))
                throw PostgresError.unavailable("no connection after \(timeout)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension Request {
    func result() throws(PostgresError) -> QueryResult {
        guard let firstResult else { throw .protocolViolation("a statement without a result") }
        return QueryResult(firstResult)
    }

    func results() throws(PostgresError) -> [QueryResult] {
        guard restResults.count == rest.count else { throw .protocolViolation("a statement without a result") }
        return [try result()] + restResults.map { QueryResult($0) }
    }
}

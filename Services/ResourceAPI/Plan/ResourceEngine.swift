import JSON
import Synchronization

/// A request to a table, as the HTTP layer received it.
struct ResourceRequest: Sendable {
    var verb: Verb
    /// Percent-decoded.
    var table: String
    /// What follows `?`, as received.
    var rawQuery: Substring = ""
    /// The values of every `Prefer` field.
    var prefer: [String] = []
    /// The JSON body of an insert or update.
    var body: [UInt8]?
}

/// A request ready to run: the operation it shares with others of its shape, and its own values.
struct PreparedRequest: Sendable {
    let operation: Operation
    let query: Query
    let payload: Payload?
}

/// What all requests of one shape have in common.
final class Operation: Sendable {
    let table: Table
    let verb: Verb
    let preferences: Preferences
    /// Nil if there is nothing to run.
    let statement: ResourceStatement?

    init(table: Table, verb: Verb, preferences: Preferences, statement: ResourceStatement?) {
        self.table = table
        self.verb = verb
        self.preferences = preferences
        self.statement = statement
    }
}

/// Turns requests into statements: parse, plan, render; pure but for a cache.
///
/// Bound to one catalog. When the catalog changes a new engine replaces it, and requests under way finish with the old one.
final class ResourceEngine: Sendable {
    let catalog: Catalog
    /// Rows one read returns at most; nil for no bound.
    let maximumRows: Int?

    private static let cacheLimit = 1024
    private let operations = Mutex<[RequestShape: Operation]>([:])
    private let repeated = Mutex<[RepeatedRead: PreparedRequest]>([:])

    init(catalog: Catalog, maximumRows: Int? = nil) {
        self.catalog = catalog
        self.maximumRows = maximumRows
    }

    /// - Throws: what the client did wrong; nothing was run.
    func prepare(_ request: ResourceRequest) throws(APIError) -> PreparedRequest {
        guard let key = RepeatedRead(request) else { return try prepareAnew(request) }
        if let known = repeated.withLock({ $0[key] }) { return known }
        let prepared = try prepareAnew(request)
        // A value in a filter makes a request one of many: only lists come again as they are.
        if prepared.query.values.isEmpty { repeated.withLock { Self.remember(prepared, for: key, in: &$0) } }
        return prepared
    }

    private func prepareAnew(_ request: ResourceRequest) throws(APIError) -> PreparedRequest {
        let table = try catalog.table(named: request.table)
        var query = try Query(try QueryString(request.rawQuery), for: request.verb)
        if let maximumRows, request.verb.isRead, query.limit.map({ $0 > maximumRows }) ?? true {
            query.limit = maximumRows
            query.shape.limit = RowBound(limit: maximumRows)
        }
        let preferences = try Preferences(request.prefer)
        let takesBody = request.verb == .insert || request.verb == .update
        let payload = takesBody ? try Payload(request.body ?? []) : nil

        let shape = RequestShape(
            verb: request.verb, schema: table.schema, table: ExactString(table.name), query: query.shape, preferences: preferences,
            payload: payload.map(PayloadShape.init))
        return PreparedRequest(operation: try operation(shape, table), query: query, payload: payload)
    }

    private func operation(_ shape: RequestShape, _ table: Table) throws(APIError) -> Operation {
        if let known = operations.withLock({ $0[shape] }) { return known }
        let plan = try Planner(table: table).plan(shape)
        let operation = Operation(
            table: table, verb: shape.verb, preferences: shape.preferences, statement: Renderer.statement(for: plan))
        operations.withLock { Self.remember(operation, for: shape, in: &$0) }
        return operation
    }

    /// Keys are few in practice; a client that makes them up costs planning, not memory.
    private static func remember<Key, Value>(_ value: Value, for key: Key, in known: inout [Key: Value]) {
        if known.count >= cacheLimit { known.removeAll(keepingCapacity: true) }
        known[key] = value
    }
}

/// A read as it was sent. Only ASCII, where equal strings are equal bytes, and only short.
private struct RepeatedRead: Hashable, Sendable {
    private let verb: Verb
    private let table: String
    private let rawQuery: String
    private let prefer: [String]

    init?(_ request: ResourceRequest) {
        guard request.verb.isRead, Self.isPlain(request.table), Self.isPlain(request.rawQuery), request.prefer.count <= 4,
            request.prefer.allSatisfy(Self.isPlain)
        else { return nil }
        verb = request.verb
        table = request.table
        rawQuery = String(request.rawQuery)
        prefer = request.prefer
    }

    private static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= 512 && text.utf8.allSatisfy { $0 < 0x80 }
    }
}

import JSON
import Synchronization

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
        throw .unsupported("requests", request.name)
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
        guard request.verb.isRead, Self.isPlain(request.name), Self.isPlain(request.rawQuery), request.prefer.count <= 4,
            request.prefer.allSatisfy(Self.isPlain)
        else { return nil }
        verb = request.verb
        table = request.name
        rawQuery = String(request.rawQuery)
        prefer = request.prefer
    }

    private static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= 512 && text.utf8.allSatisfy { $0 < 0x80 }
    }
}

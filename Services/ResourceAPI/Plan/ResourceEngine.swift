import JSON
import ServiceKit
import Synchronization

/// Turns requests into statements: parse, plan, render; pure but for a cache.
///
/// Bound to one catalog. When the catalog changes a new engine replaces it, and requests under way finish with the old one.
final class ResourceEngine: Sendable {
    let catalog: Catalog
    /// Rows one read returns at most; nil for no bound. Also how far `count=estimated` counts.
    let maximumRows: Int?
    /// Whether `tx=rollback` holds.
    let allowsRollback: Bool

    private static let cacheLimit = 1024
    // Keys are few in practice; a client that makes them up costs planning, not memory.
    private let operations = Mutex(BoundedMap<RequestShape, Operation>(capacity: cacheLimit))
    /// For callers whose role may read fewer rows at once.
    private let narrower = Mutex<[Int: ResourceEngine]>([:])
    private let repeated = Mutex(BoundedMap<RepeatedRead, PreparedRequest>(capacity: cacheLimit))

    init(catalog: Catalog, maximumRows: Int? = nil, allowsRollback: Bool = false) {
        self.catalog = catalog
        self.maximumRows = maximumRows
        self.allowsRollback = allowsRollback
    }

    /// - Throws: what the client did wrong; nothing was run.
    func prepare(_ request: ResourceRequest) throws(APIError) -> PreparedRequest {
        if let rows = request.maximumRows, rows < maximumRows ?? .max {
            var request = request
            request.maximumRows = nil
            return try limited(to: rows).prepare(request)
        }
        guard let key = RepeatedRead(request) else { return try prepareAnew(request) }
        if let known = repeated.withLock({ $0[key] }) { return known }
        let prepared = try prepareAnew(request)
        // A value in a filter makes a request one of many: only lists come again as they are.
        if prepared.query.values.isEmpty { repeated.withLock { $0[key] = prepared } }
        return prepared
    }

    /// - Parameter rows: a limit of some role: there are few.
    private func limited(to rows: Int) -> ResourceEngine {
        narrower.withLock { narrower in
            if let engine = narrower[rows] { return engine }
            let engine = ResourceEngine(catalog: catalog, maximumRows: rows, allowsRollback: allowsRollback)
            narrower[rows] = engine
            return engine
        }
    }

    /// - Throws: 404 `PGRST205`; 406 `PGRST106`.
    func table(named name: String, schema: String?) throws(APIError) -> Table {
        try maker.table(named: name, schema: try self.schema(schema))
    }

    private func prepareAnew(_ request: ResourceRequest) throws(APIError) -> PreparedRequest {
        let schema = try schema(request.schema)
        let format = try AnswerFormat.negotiated(request.accept, for: request.verb)
        var query = try Query(try QueryString(request.rawQuery), range: request.range, for: request.verb)
        let preferences = try effective(try Preferences(request.prefer))
        let payload =
            request.verb.takesBody ? try Payload(request.body ?? [], contentType: request.contentType, for: request.verb) : nil

        var maximumAffected: ValueIndex?
        if preferences.isStrict, let maximum = preferences.maximumAffected {
            maximumAffected = query.values.count
            query.values.append(String(maximum))
        }
        var shape = RequestShape(
            verb: request.verb, schema: schema, name: request.name, query: query.shape, format: format, preferences: preferences,
            maximumAffected: maximumAffected, payload: payload)
        shape.rowCondition = try RowCondition(request, timeZone: preferences.timeZone != nil, values: &query.values)
        shape.allowsTag = preferences.timeZone == nil && !request.verb.isCall
        shape.isRestoration = request.isRestoration
        return PreparedRequest(try operation(shape), query: query, payload: payload, preferences: preferences)
    }

    /// An exposed schema, by default the first.
    ///
    /// - Throws: 406 `PGRST106`.
    func schema(_ name: String?) throws(APIError) -> String {
        guard let name else { return catalog.schemas.first ?? "" }
        guard let schema = catalog.schemas.first(where: { $0.isIdenticalBytes(name) }) else {
            throw .unknownSchema(name, exposed: catalog.schemas)
        }
        return schema
    }

    /// Without what the server does not allow, or the database does not know.
    ///
    /// - Throws: 400 `PGRST122` for that under `handling=strict`.
    private func effective(_ preferences: Preferences) throws(APIError) -> Preferences {
        var preferences = preferences
        var refused: [String] = []
        if preferences.rollsBack, !allowsRollback {
            preferences.rollsBack = false
            refused.append("tx=rollback")
        }
        if let zone = preferences.timeZone, !catalog.timeZones.contains(zone.string) {
            preferences.timeZone = nil
            refused.append("timezone=\(APIError.excerpt(zone.string))")
        }
        guard refused.isEmpty || !preferences.isStrict else {
            throw APIError(
                400, "PGRST122", "Invalid preferences given with handling=strict",
                details: "Invalid preferences: \(refused.joined(separator: ", "))")
        }
        return preferences
    }

    private func operation(_ shape: RequestShape) throws(APIError) -> Operation {
        if let known = operations.withLock({ $0[shape] }) { return known }
        let operation = try plan(shape)
        operations.withLock { $0[shape] = operation }
        return operation
    }

    private var maker: OperationMaker { OperationMaker(catalog: catalog, maximumRows: maximumRows) }

    private func plan(_ shape: RequestShape) throws(APIError) -> Operation {
        switch shape.verb {
        case .read, .head: try maker.read(shape)
        case .insert, .put, .update, .delete: try maker.write(shape)
        case .call, .callReading, .callHead: try maker.call(shape)
        }
    }
}

/// A read as it was sent. Only ASCII, where equal strings are equal bytes, and only short.
private struct RepeatedRead: Hashable, Sendable {
    private let verb: Verb
    private let name: String
    private let schema: String?
    private let rawQuery: String
    private let prefer: [String]
    private let accept: [String]
    private let range: String?

    init?(_ request: ResourceRequest) {
        guard request.verb.isRead, Self.isPlain(request.name), Self.isPlain(request.rawQuery), request.prefer.count <= 4,
            request.accept.count <= 4, request.prefer.allSatisfy(Self.isPlain), request.accept.allSatisfy(Self.isPlain),
            request.range.map(Self.isPlain) ?? true, request.schema.map(Self.isPlain) ?? true
        else { return nil }
        verb = request.verb
        name = request.name
        schema = request.schema
        rawQuery = String(request.rawQuery)
        prefer = request.prefer
        accept = request.accept
        range = request.range
    }

    private static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= 512 && text.utf8.allSatisfy { $0 < 0x80 }
    }
}

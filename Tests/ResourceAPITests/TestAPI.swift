import FoundationEssentials
import JSON
import OAuth
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Both tenants' way through the whole engine, as the role that serves requests.
struct TestAPI: Sendable {
    let engine: ResourceEngine
    let executor: ResourceExecutor

    /// - Parameter setup: made by the owner before the catalog is read.
    static func with<R: Sendable>(
        setup: [SQL] = [], schemas: [String] = ["api"], maximumRows: Int? = nil, allowsRollback: Bool = false,
        _ body: (TestAPI) async throws -> R
    ) async throws -> R {
        try await TestDatabase.with { database async throws in
            if !setup.isEmpty {
                try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(setup) }
            }
            return try await database.withPool(role: "sallyport_api") { postgres async throws in
                let catalog = try await CatalogStore(schemas: schemas).load(from: postgres)
                let engine = ResourceEngine(catalog: catalog, maximumRows: maximumRows, allowsRollback: allowsRollback)
                return try await body(TestAPI(engine: engine, executor: ResourceExecutor(database: TenantDatabase(postgres))))
            }
        }
    }

    struct Answer: Sendable {
        var status: Int
        var range: String?
        var headers: [String: String] = [:]
        var text = ""
        var code: String?
        var error: APIError?

        var rows: [JSONObject] {
            (try? JSONValue(parsing: Array(text.utf8)))?.arrayValue?.compactMap(\.objectValue) ?? []
        }

        /// Without the spaces that PostgreSQL puts between elements.
        var compact: String { text.replacing(", \n {", with: ",{") }
    }

    func send(_ tenant: UUID?, _ request: ResourceRequest) async throws -> Answer {
        do {
            let prepared = try engine.prepare(request)
            let response = try await executor.run(prepared, settings: tenant.map(TransactionSettings.tenant) ?? .none)
            let headers = Dictionary(response.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
            let text = response.body.withUnsafeBytes { $0.map { String(decoding: $0, as: UTF8.self) } ?? "" }
            return Answer(status: response.status, range: headers["Content-Range"], headers: headers, text: text)
        } catch let error as APIError {
            let text = String(decoding: error.serialized(), as: UTF8.self)
            let given = Self.words(of: request)
            for inside in ["tenant_id", "sallyport", "SELECT"] where !given.contains(inside) {
                #expect(!text.contains(inside), "\(text)")
            }
            return Answer(status: error.status, text: text, code: error.code, error: error)
        }
    }

    /// All that the client said: what of it comes back in an error tells nothing.
    private static func words(of request: ResourceRequest) -> String {
        let query = PercentCoding.decode(request.rawQuery.utf8, plusIsSpace: true) ?? ""
        let body = String(decoding: request.body ?? [], as: UTF8.self)
        let words = ([request.name, request.schema ?? "", query, body] + request.prefer + request.accept).joined(separator: "\n")
        // Names of types and the like are told in lower case.
        return words + words.lowercased()
    }

    /// - Parameter prefer: one `Prefer` field; empty: none.
    func send(
        _ tenant: UUID?, _ verb: Verb, _ table: String, _ query: String = "", prefer: String = "", accept: String = "",
        body: String? = nil, type: String? = nil, range: String? = nil, schema: String? = nil
    ) async throws -> Answer {
        var request = ResourceRequest(verb: verb, name: table, schema: schema, rawQuery: query[...])
        if !prefer.isEmpty { request.prefer = [prefer] }
        if !accept.isEmpty { request.accept = [accept] }
        request.range = range
        request.contentType = type
        request.body = body.map { Array($0.utf8) }
        return try await send(tenant, request)
    }

    /// The id of a tenant's first row.
    func id(_ tenant: UUID, _ table: String) async throws -> String {
        try #require(try await send(tenant, .read, table, "select=id&order=id&limit=1").rows.first?["id"]?.stringValue)
    }

    /// All of a tenant's rows, to see whether anything changed.
    func everything(_ tenant: UUID, _ tables: [String] = ["customers", "orders", "order_items"]) async throws -> [String] {
        var all: [String] = []
        for table in tables {
            all.append(try await send(tenant, .read, table, "order=id").text)
        }
        return all
    }
}

/// The id of no row.
let nobody = "00000000-0000-4000-8000-000000000000"

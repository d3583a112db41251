import Postgres

@testable import ResourceAPI

/// A catalog made by hand, with names that try the quoting.
enum SampleCatalog {
    static let customers = Table(
        schema: "api", name: "customers", isShared: false, privileges: Set(Table.Privilege.allCases),
        columns: [
            column("id", "uuid", hasDefault: true), column("name", "text"), column("email", "text", isNullable: true),
            column("phone", "text", isNullable: true),
        ], primaryKey: ["id"])

    static let odd = Table(
        schema: "api", name: #"odd "table"; --"#, isShared: false, privileges: Set(Table.Privilege.allCases),
        columns: [
            column(#"a"b"#, "text"), column("c d", "integer"), column("sum", "numeric(12,2)"), column("K", "text", isNullable: true),
            column("computed", "text", isGenerated: true),
        ], primaryKey: [])

    static let currencies = Table(
        schema: "api", name: "currencies", isShared: true, privileges: [.select],
        columns: [column("code", "text"), column("name", "text")], primaryKey: ["code"])

    static let catalog = Catalog(schemas: ["api"], tables: [customers, odd, currencies])

    private static func column(
        _ name: String, _ type: String, isNullable: Bool = false, hasDefault: Bool = false, isGenerated: Bool = false
    ) -> Column {
        Column(name: name, type: type, isNullable: isNullable, hasDefault: hasDefault, isGenerated: isGenerated, comment: nil)
    }
}

extension ResourceEngine {
    /// Prepares against the sample and returns the statement's text.
    static func text(
        _ verb: Verb, _ table: String, _ query: String = "", prefer: [String] = [], body: String? = nil
    ) throws -> String? {
        try prepared(verb, table, query, prefer: prefer, body: body).operation.statement?.statement.text
    }

    static func prepared(
        _ verb: Verb, _ table: String, _ query: String = "", prefer: [String] = [], body: String? = nil
    ) throws -> PreparedRequest {
        try ResourceEngine(catalog: SampleCatalog.catalog).prepare(
            ResourceRequest(verb: verb, name: table, rawQuery: query[...], prefer: prefer, body: body.map { Array($0.utf8) }))
    }

    /// The code of the refusal; nil if there was none.
    static func refusal(
        _ verb: Verb, _ table: String, _ query: String = "", prefer: [String] = [], body: String? = nil
    ) -> APIError? {
        do {
            _ = try prepared(verb, table, query, prefer: prefer, body: body)
            return nil
        } catch {
            return error as? APIError
        }
    }
}

/// A refusal as the client sees it, in PostgREST's shape: `{"code", "message", "details", "hint"}`.
///
/// `code` is an SQLSTATE where PostgreSQL refused, or a `PGRST…` code where the request did not get that far.
struct APIError: Error, Sendable, Hashable {
    struct Header: Sendable, Hashable {
        let name: String
        let value: String
    }

    var status: Int
    var code: String
    var message: String
    var details: String?
    /// Where the details are not a text: their JSON.
    var detailsJSON: [UInt8]?
    var hint: String?
    /// Further headers of the answer.
    var headers: [Header] = []
    /// Seconds until a repetition may succeed, for `Retry-After`.
    var retryAfter: Int?
    /// What the log gets and the client does not.
    var operatorDetail: String?
    /// What it speaks of takes these, outermost first: a request is planned before its token's scopes are checked.
    var takes: [RequiredScope] = []
    /// Hints, the best first: the first that a token may hear becomes ``hint``.
    var suggestions: [Suggestion] = []
    /// Things that a name may mean: those that a token may hear of become ``detailsJSON`` and ``hint``.
    var choices: [Choice] = []
    /// How the hint of the choices begins.
    var choiceLead = ""
    /// Whether the database no longer has what the catalog says: reading the catalog again may cure it.
    var suggestsStaleCatalog = false

    init(_ status: Int, _ code: String, _ message: String, details: String? = nil, hint: String? = nil, retryAfter: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.retryAfter = retryAfter
    }
}

extension APIError {
    /// A part of the query string that does not follow the grammar.
    ///
    /// - Parameters:
    ///   - part: what was being read, such as `select parameter`.
    ///   - column: where reading stopped, in characters from 1.
    static func malformed(_ part: String, _ text: String, at column: Int, _ expectation: String) -> APIError {
        APIError(400, "PGRST100", "\"failed to parse \(part) (\(excerpt(text)))\" (line 1, column \(column))", details: expectation)
    }

    /// Grammar that PostgREST knows and this server does not.
    static func unsupported(_ feature: String, _ text: String) -> APIError {
        APIError(400, "PGRST100", "\(feature): not supported here", details: "in: \(excerpt(text))")
    }

    static func unknownTable(_ name: String, schema: String) -> APIError {
        APIError(404, "PGRST205", "Could not find the table '\(schema).\(excerpt(name))' in the schema cache")
    }

    /// A schema that is not exposed, named by `Accept-Profile` or `Content-Profile`.
    static func unknownSchema(_ name: String, exposed: [String]) -> APIError {
        APIError(
            406, "PGRST106", "Invalid schema: \(excerpt(name))",
            hint: "Only the following schemas are exposed: \(exposed.joined(separator: ", "))")
    }

    /// A column named in the URL.
    static func unknownColumn(_ name: String, table: String) -> APIError {
        APIError(400, "42703", "column \(table).\(excerpt(name)) does not exist")
    }

    /// A column named in a body or in `columns`.
    static func unknownBodyColumn(_ name: String, table: String) -> APIError {
        APIError(400, "PGRST204", "Could not find the '\(excerpt(name))' column of '\(table)' in the schema cache")
    }

    static func invalidBody(_ message: String, details: String? = nil, hint: String? = nil) -> APIError {
        APIError(400, "PGRST102", message, details: details, hint: hint)
    }

    /// Another number of rows than the one that `application/vnd.pgrst.object+json` asks for.
    static func notSingular(_ count: Int) -> APIError {
        APIError(406, "PGRST116", "Cannot coerce the result to a single JSON object", details: "The result contains \(count) rows")
    }

    /// Outside text, short enough to be shown.
    static func excerpt(_ text: String) -> String {
        text.utf8.count <= 100 ? text : String(text.unicodeScalars.prefix(60)) + "…"
    }
}

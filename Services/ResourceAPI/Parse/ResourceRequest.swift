/// A request to a table or function, as the HTTP layer received it.
struct ResourceRequest: Sendable {
    var verb: Verb
    /// The table's or function's name, percent-decoded.
    var name: String
    /// `Accept-Profile` of reads, `Content-Profile` of writes: the schema; nil: the first exposed one.
    var schema: String?
    /// What follows `?`, as received.
    var rawQuery: Substring = ""
    /// The values of every `Prefer` field.
    var prefer: [String] = []
    /// The values of every `Accept` field.
    var accept: [String] = []
    /// The value of `Range`, if its unit is `items` or absent: `0-9`, `10-`.
    var range: String?
    var contentType: String?
    /// The values of every `If-Match` and `If-None-Match` field.
    var ifMatch: [String] = []
    var ifNoneMatch: [String] = []
    /// Of `delete`: rows deleted softly are to come back instead.
    var isRestoration = false
    var body: [UInt8]?
    /// Rows that one read returns at most to this caller; nil: the service's own bound.
    var maximumRows: Int?
}

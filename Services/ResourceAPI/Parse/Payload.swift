import JSON

/// A body: checked here, and passed to PostgreSQL as one parameter.
struct Payload: Sendable, Hashable {
    enum Form: Sendable, Hashable {
        /// ``text`` is a JSON object.
        case object
        /// ``text`` is a JSON array of objects.
        case array
        /// Neither JSON nor rows: the one unnamed argument of a function (`text/plain`, `application/octet-stream`, `text/xml`), or
        /// JSON of another form for a function that takes one unnamed `json`.
        case raw(Raw)
    }

    enum Raw: Sendable, Hashable {
        case json
        case text
        /// ``text`` is PostgreSQL's hexadecimal form: `\x…`.
        case binary
        case xml
    }

    let form: Form
    /// Objects in the body.
    let rowCount: Int
    /// The members' names, sorted; of an array, those of its first object.
    let keys: [ExactString]
    /// Whether every object has these keys.
    let isUniform: Bool
    /// JSON as received, or made from CSV or a form.
    let text: String
}

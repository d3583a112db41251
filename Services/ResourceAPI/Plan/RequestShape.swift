import JSON

/// All of a request that its statement depends on, and nothing else: no value of a filter, no body.
struct RequestShape: Sendable, Hashable {
    let verb: Verb
    let schema: String
    let table: ExactString
    let query: QueryShape
    let preferences: Preferences
    let payload: PayloadShape?
}

struct PayloadShape: Sendable, Hashable {
    let form: Payload.Form
    /// Sorted.
    let keys: [ExactString]
    let isUniform: Bool
    /// Zero, one, or two for more.
    let rowCount: Int

    init(_ payload: Payload) {
        form = payload.form
        keys = payload.keys
        isUniform = payload.isUniform
        rowCount = min(payload.rowCount, 2)
    }
}

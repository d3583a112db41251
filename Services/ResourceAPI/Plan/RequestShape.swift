import JSON

/// All of a request that its statement depends on, and nothing else: no value of a filter, no body.
struct RequestShape: Sendable, Hashable {
    let verb: Verb
    let schema: String
    /// Of the table or function.
    let name: ExactString
    let query: QueryShape
    let format: AnswerFormat
    /// Without what a statement does not depend on.
    let preferences: Preferences
    /// Where `max-affected` is among the values, if it holds.
    let maximumAffected: ValueIndex?
    let payload: PayloadShape?
    /// What must hold of the row that is written.
    var rowCondition = RowCondition.none
    /// Whether an answer of one row can have its `ETag`.
    var allowsTag = false
    /// Of `delete`.
    var isRestoration = false

    init(
        verb: Verb, schema: String, name: String, query: QueryShape, format: AnswerFormat, preferences: Preferences,
        maximumAffected: ValueIndex? = nil, payload: Payload? = nil
    ) {
        self.verb = verb
        self.schema = schema
        self.name = ExactString(name)
        self.query = query
        self.format = format
        var preferences = preferences
        preferences.maximumAffected = nil
        preferences.timeZone = nil
        preferences.rollsBack = false
        preferences.given = []
        self.preferences = preferences
        self.maximumAffected = maximumAffected
        self.payload = payload.map { PayloadShape($0, ignoresKeys: query.columns != nil && !verb.isCall) }
    }
}

struct PayloadShape: Sendable, Hashable {
    let form: Payload.Form
    /// Sorted.
    let keys: [ExactString]
    let isUniform: Bool
    /// Zero, one, or two for more.
    let rowCount: Int

    /// - Parameter ignoresKeys: whether the URL says which keys count.
    init(_ payload: Payload, ignoresKeys: Bool) {
        form = payload.form
        keys = ignoresKeys ? [] : payload.keys
        isUniform = ignoresKeys || payload.isUniform
        rowCount = min(payload.rowCount, 2)
    }
}

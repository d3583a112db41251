/// What all requests of one shape have in common.
final class Operation: Sendable {
    /// What is asked.
    enum Subject: Sendable {
        case table(Table)
        case function(Function)
    }

    let verb: Verb
    let subject: Subject
    let format: AnswerFormat
    /// All of them must be in the token; checked before the statement is run.
    let requiredScopes: [RequiredScope]
    /// Nil if there is nothing to run.
    let statement: ResourceStatement?
    /// Where the statement counts up to this number only, and one beyond.
    let countCeiling: Int?
    /// For wording what the database says of other tables.
    let catalog: Catalog
    /// Whether rows that are deleted softly are removed for good, which takes the setting `sallyport.purge`.
    let isPurge: Bool
    /// Whether functions run that developers wrote, which may leave something behind in the session.
    let runsForeignCode: Bool

    init(
        verb: Verb, subject: Subject, format: AnswerFormat, requiredScopes: [RequiredScope], statement: ResourceStatement?,
        countCeiling: Int? = nil, catalog: Catalog, isPurge: Bool = false, runsForeignCode: Bool
    ) {
        self.verb = verb
        self.subject = subject
        self.format = format
        self.requiredScopes = requiredScopes
        self.statement = statement
        self.countCeiling = countCeiling
        self.catalog = catalog
        self.isPurge = isPurge
        self.runsForeignCode = runsForeignCode
    }

    var table: Table? {
        if case .table(let table) = subject { table } else { nil }
    }

    /// Whether it calls a function without a result.
    var returnsNothing: Bool {
        if case .function(let function) = subject { function.result == .void } else { false }
    }

    /// The table's or function's own.
    var schema: String {
        switch subject {
        case .table(let table): table.schema
        case .function(let function): function.schema
        }
    }

    var name: String {
        switch subject {
        case .table(let table): table.name
        case .function(let function): function.name
        }
    }
}

/// A request ready to run: the operation it shares with others of its shape, and its own values.
struct PreparedRequest: Sendable {
    let operation: Operation
    let query: Query
    let payload: Payload?
    /// Those that hold: of what the server does not allow or know nothing is left.
    let preferences: Preferences
    /// Rows that a read leaves out at the beginning.
    let offset: Int
    /// The value of `Preference-Applied`.
    let preferenceApplied: String?

    init(_ operation: Operation, query: Query, payload: Payload?, preferences: Preferences) {
        self.operation = operation
        self.query = query
        self.payload = payload
        self.preferences = preferences
        offset = query.shape.root.offset.flatMap { Int(query.values[$0]) } ?? 0
        preferenceApplied = preferences.given.isEmpty ? nil : preferences.applied(to: operation, query.shape)
    }
}

/// Something that endangers isolation, tokens, or speed, and what cures it.
public struct Hazard: Sendable, Hashable {
    public enum Severity: String, Sendable, Hashable {
        /// Something may reach whom it is not meant for, or requests must fail.
        case error
        /// Requests are slower, more is granted than is needed, or it will become an error.
        case warning
    }

    public let severity: Severity
    /// What was looked for, in a word: `isolation`, `policy-per-row`, …
    public let check: String
    /// `schema.name`, or what else it is about.
    public let object: String
    /// Follows the object in a sentence: "api.orders has row-level security off".
    public let problem: String
    /// What to do: of the database one statement or several, for whoever owns the object; a remark follows `--`.
    public let cure: String

    public init(severity: Severity, check: String, object: String, problem: String, cure: String) {
        self.severity = severity
        self.check = check
        self.object = object
        self.problem = problem
        self.cure = cure
    }
}

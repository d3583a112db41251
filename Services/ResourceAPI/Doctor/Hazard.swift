/// Something of a database that endangers isolation, or speed, with the statement that cures it.
struct Hazard: Sendable, Hashable {
    enum Severity: String, Sendable, Hashable {
        /// Rows may reach whom they are not meant for, or a request must fail.
        case error
        /// Requests are slower, or more is granted than is needed.
        case warning
    }

    let severity: Severity
    /// What was looked for, in a word: `isolation`, `policy-per-row`, …
    let check: String
    /// `schema.name`, or what else it is about.
    let object: String
    /// Follows the object in a sentence: "api.orders has row-level security off".
    let problem: String
    /// One statement or several, for whoever owns the object; a remark follows `--`.
    let cure: String
}

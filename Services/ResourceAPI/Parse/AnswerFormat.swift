/// The form of an answer, agreed by `Accept` (RFC 9110 §12.5.1).
enum AnswerFormat: Sendable, Hashable {
    /// `application/json`; without members that are null where `stripsNulls` (`application/vnd.pgrst.array+json;nulls=stripped`).
    case json(stripsNulls: Bool)
    /// `application/vnd.pgrst.object+json`: exactly one row, as an object.
    case object(stripsNulls: Bool)
    /// `text/csv`
    case csv
    /// `text/plain`: of a function with a scalar result.
    case text
    /// `application/octet-stream`: of a function with a `bytea` result.
    case binary
}

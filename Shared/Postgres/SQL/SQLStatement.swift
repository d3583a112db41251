/// Statement text with its parameter types: what a prepared statement is found by.
///
/// The hash is computed once. Hot paths keep one statement (in a `static let`, or cached with a query plan) and bind values to
/// it with `SQL(_:_:)`; connections then find the prepared statement without reading the text again.
public final class SQLStatement: Sendable, Hashable {
    /// SQL with `$1`, `$2`, … for parameters.
    public let text: String
    /// One type for each parameter; the rest, or all when empty, are inferred by the server.
    public let parameterTypes: [SQLType]
    private let hash: Int

    public init(_ text: String, parameterTypes: [SQLType] = []) {
        self.text = text
        self.parameterTypes = parameterTypes
        var hasher = Hasher()
        hasher.combine(text)
        for type in parameterTypes { hasher.combine(type.rawValue) }
        hash = hasher.finalize()
    }

    public static func == (left: SQLStatement, right: SQLStatement) -> Bool {
        left === right || (left.hash == right.hash && left.text == right.text && left.parameterTypes == right.parameterTypes)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }
}

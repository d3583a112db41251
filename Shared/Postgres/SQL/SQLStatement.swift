import Glibc

/// Statement text with its parameter types: what a prepared statement is found by.
///
/// Equal are the same bytes only: `String` would take texts that are canonically equivalent in Unicode for one, the server would not.
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
        var text = text
        var hasher = Hasher()
        // Makes the text contiguous too, if it is not.
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        self.text = text
        self.parameterTypes = parameterTypes
        for type in parameterTypes { hasher.combine(type.rawValue) }
        hash = hasher.finalize()
    }

    public static func == (left: SQLStatement, right: SQLStatement) -> Bool {
        left === right
            || (left.hash == right.hash && left.parameterTypes == right.parameterTypes && areSameBytes(left.text.utf8, right.text.utf8))
    }

    private static func areSameBytes(_ left: String.UTF8View, _ right: String.UTF8View) -> Bool {
        let areSame = left.withContiguousStorageIfAvailable { left in
            right.withContiguousStorageIfAvailable { right in
                guard left.count == right.count else { return false }
                guard let leftStart = left.baseAddress, let rightStart = right.baseAddress else { return true }
                return memcmp(leftStart, rightStart, left.count) == 0
            }
        }
        return (areSame ?? nil) ?? left.elementsEqual(right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }
}

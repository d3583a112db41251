import FoundationEssentials

/// One bound value with the type it is sent as.
public struct SQLParameter: Sendable, Hashable {
    enum Value: Sendable, Hashable {
        case null
        /// Sent in text format; the server's input function of the type reads it.
        case text(String)
        case bool(Bool)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case float(Float)
        case double(Double)
        case uuid(UUID)
        /// The type's binary format.
        case bytes([UInt8])
    }

    public let type: SQLType
    let value: Value

    init(type: SQLType, value: Value) {
        self.type = type
        self.value = value
    }

    /// Text whose type the server infers from where it stands, as for a quoted literal: `'…'`.
    public static func unknown(_ text: String?) -> SQLParameter {
        SQLParameter(type: .unknown, value: text.map(Value.text) ?? .null)
    }

    /// The text form of a value of `type`, for types without a Swift counterpart here: `.text("12.50", as: numeric)`.
    public static func text(_ text: String?, as type: SQLType = .text) -> SQLParameter {
        SQLParameter(type: type, value: text.map(Value.text) ?? .null)
    }

    public static func null(_ type: SQLType = .unknown) -> SQLParameter {
        SQLParameter(type: type, value: .null)
    }

    public init(_ value: some SQLValue) {
        self = value.sqlParameter
    }

    public init<Wrapped: SQLValue>(_ value: Wrapped?) {
        self = value?.sqlParameter ?? SQLParameter(type: Wrapped.sqlType, value: .null)
    }

    /// PostgreSQL text cannot hold U+0000, and C strings would end there without notice.
    var containsNUL: Bool {
        guard case .text(let text) = value else { return false }
        return text.utf8.contains(0)
    }
}

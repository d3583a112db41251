public import FoundationEssentials

/// A Swift type that can be bound as a parameter.
public protocol SQLValue: Sendable {
    static var sqlType: SQLType { get }
    var sqlParameter: SQLParameter { get }
}

extension Bool: SQLValue {
    public static var sqlType: SQLType { .bool }
    public var sqlParameter: SQLParameter { SQLParameter(type: .bool, value: .bool(self)) }
}

extension Int16: SQLValue {
    public static var sqlType: SQLType { .int2 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .int2, value: .int16(self)) }
}

extension Int32: SQLValue {
    public static var sqlType: SQLType { .int4 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .int4, value: .int32(self)) }
}

extension Int64: SQLValue {
    public static var sqlType: SQLType { .int8 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .int8, value: .int64(self)) }
}

extension Int: SQLValue {
    public static var sqlType: SQLType { .int8 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .int8, value: .int64(Int64(self))) }
}

extension Float: SQLValue {
    public static var sqlType: SQLType { .float4 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .float4, value: .float(self)) }
}

extension Double: SQLValue {
    public static var sqlType: SQLType { .float8 }
    public var sqlParameter: SQLParameter { SQLParameter(type: .float8, value: .double(self)) }
}

extension String: SQLValue {
    public static var sqlType: SQLType { .text }
    public var sqlParameter: SQLParameter { SQLParameter(type: .text, value: .text(self)) }
}

extension UUID: SQLValue {
    public static var sqlType: SQLType { .uuid }
    public var sqlParameter: SQLParameter { SQLParameter(type: .uuid, value: .uuid(self)) }
}

/// `timestamptz`, to the microsecond; dates outside PostgreSQL's range become `infinity` or `-infinity`.
extension Date: SQLValue {
    public static var sqlType: SQLType { .timestamptz }

    public var sqlParameter: SQLParameter {
        SQLParameter(type: .timestamptz, value: .int64(PostgresTimestamp.microseconds(self)))
    }
}

/// `[UInt8]` is `bytea`; arrays of the other types are PostgreSQL arrays of one dimension.
extension Array: SQLValue where Element: SQLArrayElement {
    public static var sqlType: SQLType { Element.sqlArrayType }
    public var sqlParameter: SQLParameter { Element.sqlParameter(array: self) }
}

/// A type whose Swift arrays can be bound.
public protocol SQLArrayElement: Sendable {
    static var sqlArrayType: SQLType { get }
    static func sqlParameter(array: [Self]) -> SQLParameter
}

extension UInt8: SQLArrayElement {
    public static var sqlArrayType: SQLType { .bytea }

    public static func sqlParameter(array: [UInt8]) -> SQLParameter {
        SQLParameter(type: .bytea, value: .bytes(array))
    }
}

extension String: SQLArrayElement {
    public static var sqlArrayType: SQLType { .textArray }

    public static func sqlParameter(array: [String]) -> SQLParameter {
        SQLParameter(type: .textArray, value: .text(PostgresArray.literal(array)))
    }
}

extension UUID: SQLArrayElement {
    public static var sqlArrayType: SQLType { .uuidArray }

    public static func sqlParameter(array: [UUID]) -> SQLParameter {
        SQLParameter(type: .uuidArray, value: .text("{" + array.map(\.uuidString).joined(separator: ",") + "}"))
    }
}

extension Int: SQLArrayElement {
    public static var sqlArrayType: SQLType { .int8Array }

    public static func sqlParameter(array: [Int]) -> SQLParameter {
        SQLParameter(type: .int8Array, value: .text("{" + array.map { String($0) }.joined(separator: ",") + "}"))
    }
}

extension Int64: SQLArrayElement {
    public static var sqlArrayType: SQLType { .int8Array }

    public static func sqlParameter(array: [Int64]) -> SQLParameter {
        SQLParameter(type: .int8Array, value: .text("{" + array.map { String($0) }.joined(separator: ",") + "}"))
    }
}

extension Int32: SQLArrayElement {
    public static var sqlArrayType: SQLType { .int4Array }

    public static func sqlParameter(array: [Int32]) -> SQLParameter {
        SQLParameter(type: .int4Array, value: .text("{" + array.map { String($0) }.joined(separator: ",") + "}"))
    }
}

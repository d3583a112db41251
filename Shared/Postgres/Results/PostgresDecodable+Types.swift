public import FoundationEssentials

extension Bool: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Bool {
        try cell.integer(UInt8.self, of: .bool, as: "boolean") != 0
    }
}

extension Int16: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Int16 {
        try cell.integer(Int16.self, of: .int2, as: "smallint")
    }
}

extension Int32: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Int32 {
        if cell.type == .int2 { return Int32(try Int16.decode(cell)) }
        return try cell.integer(Int32.self, of: .int4, as: "integer")
    }
}

extension Int64: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Int64 {
        if cell.type == .int2 { return Int64(try Int16.decode(cell)) }
        if cell.type == .int4 { return Int64(try Int32.decode(cell)) }
        if cell.type == .oid { return Int64(try cell.integer(UInt32.self, of: .oid, as: "oid")) }
        return try cell.integer(Int64.self, of: .int8, as: "bigint")
    }
}

extension Int: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Int {
        Int(try Int64.decode(cell))
    }
}

extension UInt32: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> UInt32 {
        try cell.integer(UInt32.self, of: .oid, as: "oid")
    }
}

extension Float: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Float {
        Float(bitPattern: try cell.integer(UInt32.self, of: .float4, as: "real"))
    }
}

extension Double: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Double {
        if cell.type == .float4 { return Double(try Float.decode(cell)) }
        return Double(bitPattern: try cell.integer(UInt64.self, of: .float8, as: "double precision"))
    }
}

extension String: PostgresDecodable {
    /// Text types, `json`, `jsonb`, and the types of a database's own that travel as text (enums, `citext`).
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> String {
        guard let bytes = cell.bytes else { throw DecodingMismatch("NULL where text is required") }
        let text: UnsafeRawBufferPointer
        switch cell.type {
        case .text, .varchar, .bpchar, .name, .char, .json, .xml:
            text = bytes
        case .jsonb:
            guard bytes.first == 1 else { throw DecodingMismatch("unknown jsonb version") }
            text = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        case .unknown, SQLType(rawValue: 705):
            text = bytes
        default:
            guard cell.type.rawValue >= SQLType.firstUserDefined, !bytes.contains(0) else { throw DecodingMismatch("not text") }
            text = bytes
        }
        guard let string = String(validating: text, as: UTF8.self) else { throw DecodingMismatch("not UTF-8") }
        return string
    }
}

extension UUID: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> UUID {
        let bytes = try cell.bytes(of: .uuid, as: "uuid")
        guard bytes.count == 16 else { throw DecodingMismatch("\(bytes.count) bytes where uuid is required") }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Date: PostgresDecodable {
    /// `timestamptz`; `infinity` is `.distantFuture`.
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Date {
        PostgresTimestamp.date(try cell.integer(Int64.self, of: .timestamptz, as: "timestamptz"))
    }
}

/// An element of a decodable array; `UInt8` stands for `bytea`.
public protocol PostgresArrayElement: PostgresDecodable {
    static func decode(array cell: PostgresCell) throws(DecodingMismatch) -> [Self]
}

extension PostgresArrayElement {
    public static func decode(array cell: PostgresCell) throws(DecodingMismatch) -> [Self] {
        try PostgresArray.decode(cell)
    }
}

extension String: PostgresArrayElement {}
extension UUID: PostgresArrayElement {}
extension Bool: PostgresArrayElement {}
extension Int16: PostgresArrayElement {}
extension Int32: PostgresArrayElement {}
extension Int64: PostgresArrayElement {}
extension Int: PostgresArrayElement {}
extension Double: PostgresArrayElement {}
extension Date: PostgresArrayElement {}
extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {}

extension UInt8: PostgresArrayElement {
    /// A single `"char"`.
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> UInt8 {
        try cell.integer(UInt8.self, of: .char, as: "\"char\"")
    }

    public static func decode(array cell: PostgresCell) throws(DecodingMismatch) -> [UInt8] {
        [UInt8](try cell.bytes(of: .bytea, as: "bytea"))
    }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> [Element] {
        try Element.decode(array: cell)
    }
}

extension PostgresArray {
    /// The binary format of an array of at most one dimension: dimensions, flags, element OID, then for each dimension its size
    /// and lower bound, then the elements, each after its length (-1 for NULL).
    static func decode<Element: PostgresDecodable>(_ cell: PostgresCell) throws(DecodingMismatch) -> [Element] {
        guard let bytes = cell.bytes else { throw DecodingMismatch("NULL where an array is required") }
        var reader = CellReader(bytes: bytes)
        let dimensions = try reader.int32()
        _ = try reader.int32()
        let elementType = SQLType(rawValue: UInt32(bitPattern: try reader.int32()))
        if dimensions == 0 {
            guard bytes.count == 12 else { throw DecodingMismatch("not an array") }
            return []
        }
        guard dimensions == 1 else { throw DecodingMismatch("not an array of one dimension") }
        let count = Int(try reader.int32())
        _ = try reader.int32()
        guard count >= 0, count <= bytes.count / 4 else { throw DecodingMismatch("not an array") }
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try reader.int32())
            let element = length < 0 ? nil : try reader.take(length)
            elements.append(try Element.decode(PostgresCell(type: elementType, bytes: element)))
        }
        guard reader.isAtEnd else { throw DecodingMismatch("not an array") }
        return elements
    }
}

private struct CellReader {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    var isAtEnd: Bool { offset == bytes.count }

    mutating func take(_ count: Int) throws(DecodingMismatch) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - offset else { throw DecodingMismatch("truncated array") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    mutating func int32() throws(DecodingMismatch) -> Int32 {
        Int32(bigEndian: try take(4).loadUnaligned(as: Int32.self))
    }
}

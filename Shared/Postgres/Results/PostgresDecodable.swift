/// A type a result's cell can be decoded to.
public protocol PostgresDecodable {
    static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Self
}

/// A cell while it is being decoded; `bytes` (binary format, nil for NULL) must not be kept.
public struct PostgresCell {
    public let type: SQLType
    public let bytes: UnsafeRawBufferPointer?
}

/// Why a cell is not a value of the wanted type. The row adds the column's name and type.
public struct DecodingMismatch: Error {
    public let reason: String

    public init(_ reason: String) {
        self.reason = reason
    }
}

extension PostgresCell {
    /// The bytes, if the type is one of `types` and the value is not NULL.
    public func bytes(of types: SQLType..., as name: StaticString) throws(DecodingMismatch) -> UnsafeRawBufferPointer {
        guard types.contains(type) else { throw DecodingMismatch("not a \(name)") }
        guard let bytes else { throw DecodingMismatch("NULL where \(name) is required") }
        return bytes
    }

    /// A big-endian integer that fills the whole cell.
    func integer<T: FixedWidthInteger>(_: T.Type, of types: SQLType..., as name: StaticString) throws(DecodingMismatch) -> T {
        guard types.contains(type) else { throw DecodingMismatch("not a \(name)") }
        guard let bytes else { throw DecodingMismatch("NULL where \(name) is required") }
        guard let value = T(bigEndianBytes: bytes) else { throw DecodingMismatch("\(bytes.count) bytes where \(name) is required") }
        return value
    }
}

extension FixedWidthInteger {
    init?(bigEndianBytes bytes: UnsafeRawBufferPointer) {
        guard bytes.count == MemoryLayout<Self>.size else { return nil }
        self = Self(bigEndian: bytes.loadUnaligned(as: Self.self))
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func decode(_ cell: PostgresCell) throws(DecodingMismatch) -> Wrapped? {
        if cell.bytes == nil { return nil }
        return try Wrapped.decode(cell)
    }
}

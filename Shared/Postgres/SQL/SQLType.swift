/// A PostgreSQL type by its OID. `.unknown` (0) lets the server infer a parameter's type from its context.
public struct SQLType: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let unknown = SQLType(rawValue: 0)
    public static let bool = SQLType(rawValue: 16)
    public static let bytea = SQLType(rawValue: 17)
    public static let char = SQLType(rawValue: 18)
    public static let name = SQLType(rawValue: 19)
    public static let int8 = SQLType(rawValue: 20)
    public static let int2 = SQLType(rawValue: 21)
    public static let int4 = SQLType(rawValue: 23)
    public static let text = SQLType(rawValue: 25)
    public static let oid = SQLType(rawValue: 26)
    public static let json = SQLType(rawValue: 114)
    public static let xml = SQLType(rawValue: 142)
    public static let float4 = SQLType(rawValue: 700)
    public static let float8 = SQLType(rawValue: 701)
    public static let bpchar = SQLType(rawValue: 1042)
    public static let varchar = SQLType(rawValue: 1043)
    public static let timestamptz = SQLType(rawValue: 1184)
    public static let uuid = SQLType(rawValue: 2950)
    public static let jsonb = SQLType(rawValue: 3802)

    public static let nameArray = SQLType(rawValue: 1003)
    public static let int2Array = SQLType(rawValue: 1005)
    public static let int4Array = SQLType(rawValue: 1007)
    public static let textArray = SQLType(rawValue: 1009)
    public static let varcharArray = SQLType(rawValue: 1015)
    public static let int8Array = SQLType(rawValue: 1016)
    public static let uuidArray = SQLType(rawValue: 2951)

    /// OIDs below this belong to PostgreSQL itself; enums, domains and extension types lie above.
    static let firstUserDefined: UInt32 = 16384
}

/// The types a client may cast to, by the name it may use.
enum CastType: String, Sendable, Hashable {
    case text
    case varchar
    case bool
    case boolean
    case int2
    case smallint
    case int4
    case int
    case integer
    case int8
    case bigint
    case numeric
    case decimal
    case float4
    case real
    case float8
    case doublePrecision = "double precision"
    case date
    case time
    case timetz
    case timestamp
    case timestamptz
    case uuid
    case json
    case jsonb
    case textArray = "text[]"
    case integerArray = "integer[]"
    case uuidArray = "uuid[]"
}

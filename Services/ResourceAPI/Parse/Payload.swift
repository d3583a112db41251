import JSON

/// A JSON body: checked here, and passed to PostgreSQL as it came, as one parameter.
struct Payload: Sendable, Hashable {
    enum Form: Sendable, Hashable {
        case object
        case array
    }

    let form: Form
    /// Objects in the body.
    let rowCount: Int
    /// The members' names, sorted; of an array, those of its first object.
    let keys: [ExactString]
    /// Whether every object has these keys.
    let isUniform: Bool
    let text: String

    /// - Throws: 400 `PGRST102` if it is not JSON (RFC 8259, without repeated members) or not an object or array of objects.
    init(_ body: [UInt8]) throws(APIError) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body, maximumDepth: 64)
        } catch {
            throw .invalidBody("Empty or invalid json", details: error.description)
        }
        switch value {
        case .object(let object):
            form = .object
            rowCount = 1
            keys = Self.keys(object)
            isUniform = true
        case .array(let elements):
            let rows = elements.compactMap(\.objectValue)
            guard rows.count == elements.count else { throw .invalidBody("All items of the array must be objects") }
            form = .array
            rowCount = rows.count
            keys = rows.first.map(Self.keys) ?? []
            isUniform = Self.areUniform(rows, keys)
        default:
            throw .invalidBody("The body must be an object or an array of objects")
        }
        text = String(decoding: body, as: UTF8.self)
    }

    private static func keys(_ object: JSONObject) -> [ExactString] {
        object.members.map(\.name).sorted().map(ExactString.init)
    }

    private static func areUniform(_ rows: [JSONObject], _ keys: [ExactString]) -> Bool {
        guard let first = rows.first else { return true }
        return rows.dropFirst().allSatisfy { row in
            guard row.count == keys.count else { return false }
            // Most bodies repeat the order too.
            if zip(row.members, first.members).allSatisfy({ $0.name.isIdenticalBytes($1.name) }) { return true }
            return Self.keys(row) == keys
        }
    }
}

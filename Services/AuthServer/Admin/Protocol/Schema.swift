import FoundationEssentials
import JSON

/// The shape of a JSON value: what requests are checked against, and what the OpenAPI document says. One text for both.
struct Schema: Sendable {
    indirect enum Shape: Sendable {
        /// Length in characters.
        case text(ClosedRange<Int>)
        case choice([String])
        case uuid
        /// `{period}.{id}`.
        case grantID
        case integer(ClosedRange<Int64>)
        case boolean
        case array(Schema, maximum: Int)
        case object([Property])
        /// Any object.
        case free
    }

    struct Property: Sendable {
        let name: String
        let schema: Schema
        let isRequired: Bool
        let description: String

        init(_ name: String, _ schema: Schema, _ description: String, isRequired: Bool = false) {
            self.name = name
            self.schema = schema
            self.description = description
            self.isRequired = isRequired
        }

        static func required(_ name: String, _ schema: Schema, _ description: String) -> Property {
            Property(name, schema, description, isRequired: true)
        }
    }

    let shape: Shape
    var isNullable = false
    /// Its name among the components of the OpenAPI document.
    var component: String?

    init(_ shape: Shape) {
        self.shape = shape
    }

    static func text(_ length: ClosedRange<Int>) -> Schema { Schema(.text(length)) }
    static func choice(_ values: [String]) -> Schema { Schema(.choice(values)) }
    static let uuid = Schema(.uuid)
    static let grantID = Schema(.grantID)
    static func integer(_ range: ClosedRange<Int64>) -> Schema { Schema(.integer(range)) }
    /// Seconds since 1970.
    static let time = Schema(.integer(0...253_402_300_799))
    static let boolean = Schema(.boolean)
    static func array(_ element: Schema, maximum: Int = 1000) -> Schema { Schema(.array(element, maximum: maximum)) }
    static let free = Schema(.free)

    static func object(_ component: String, _ properties: [Property]) -> Schema {
        var schema = Schema(.object(properties))
        schema.component = component
        return schema
    }

    static func nullable(_ schema: Schema) -> Schema {
        var schema = schema
        schema.isNullable = true
        return schema
    }
}

extension Schema {
    /// - Parameter pointer: where the value stands in the body (RFC 6901).
    /// - Throws: ``Problem`` naming the member and what is wrong with it; never its value.
    func check(_ value: JSONValue, at pointer: String = "") throws(Problem) {
        if isNullable, value.isNull { return }
        switch shape {
        case .text(let length):
            guard let text = value.stringValue else { throw Self.problem("is not a string", pointer) }
            guard length.contains(text.unicodeScalars.count) else {
                throw Self.problem("has not \(length.lowerBound) to \(length.upperBound) characters", pointer)
            }
            guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
                throw Self.problem("has control characters", pointer)
            }
        case .choice(let values):
            guard let text = value.stringValue, values.contains(where: { $0.isIdenticalBytes(text) }) else {
                throw Self.problem("is not one of: " + values.joined(separator: ", "), pointer)
            }
        case .uuid:
            guard let text = value.stringValue, UUID(uuidString: text) != nil else { throw Self.problem("is not a UUID", pointer) }
        case .grantID:
            guard let text = value.stringValue, GrantID(text) != nil else { throw Self.problem("is not a grant's id", pointer) }
        case .integer(let range):
            guard let number = value.intValue, range.contains(number) else {
                throw Self.problem("is not a whole number from \(range.lowerBound) to \(range.upperBound)", pointer)
            }
        case .boolean:
            guard value.boolValue != nil else { throw Self.problem("is neither true nor false", pointer) }
        case .array(let element, let maximum):
            guard let elements = value.arrayValue else { throw Self.problem("is not an array", pointer) }
            guard elements.count <= maximum else { throw Self.problem("has more than \(maximum) elements", pointer) }
            for (index, value) in elements.enumerated() { try element.check(value, at: "\(pointer)/\(index)") }
        case .object(let properties):
            guard let object = value.objectValue else { throw Self.problem("is not an object", pointer) }
            for (name, value) in object.members {
                guard let property = properties.first(where: { $0.name.isIdenticalBytes(name) }) else {
                    throw Self.problem("is unknown", pointer + "/" + Self.escaped(name))
                }
                try property.schema.check(value, at: "\(pointer)/\(name)")
            }
            for property in properties where property.isRequired && object[property.name] == nil {
                throw Self.problem("is missing", "\(pointer)/\(property.name)")
            }
        case .free:
            guard value.objectValue != nil else { throw Self.problem("is not an object", pointer) }
        }
    }

    private static func problem(_ what: String, _ pointer: String) -> Problem {
        Problem(.malformed, pointer.isEmpty ? "the body \(what)" : "the member \(pointer) \(what)", pointer: pointer)
    }

    /// A member's name in a JSON pointer, cut short: it is somebody else's.
    private static func escaped(_ name: String) -> String {
        let escaped = name.unicodeScalars.prefix(60).map { scalar in
            switch scalar {
            case "~": "~0"
            case "/": "~1"
            default: String(scalar)
            }
        }
        return escaped.joined()
    }
}

extension Schema {
    /// JSON Schema 2020-12, named objects as references.
    var json: JSONValue {
        guard let component else { return definition }
        let reference: JSONValue = ["$ref": .string("#/components/schemas/\(component)")]
        return isNullable ? ["oneOf": [reference, ["type": "null"]]] : reference
    }

    var definition: JSONValue {
        switch shape {
        case .text(let length):
            [
                "type": type("string"), "minLength": .integer(Int64(length.lowerBound)), "maxLength": .integer(Int64(length.upperBound)),
            ]
        case .choice(let values):
            ["type": type("string"), "enum": .array(values.map(JSONValue.string) + (isNullable ? [.null] : []))]
        case .uuid: ["type": type("string"), "format": "uuid"]
        case .grantID:
            ["type": type("string"), "pattern": "^-?[0-9]{1,10}\\.[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"]
        case .integer(let range):
            ["type": type("integer"), "format": "int64", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .boolean: ["type": type("boolean")]
        case .array(let element, let maximum):
            ["type": type("array"), "items": element.json, "maxItems": .integer(Int64(maximum))]
        case .object(let properties): object(properties)
        case .free: ["type": type("object")]
        }
    }

    private func type(_ name: String) -> JSONValue { isNullable ? [.string(name), "null"] : .string(name) }

    private func object(_ properties: [Property]) -> JSONValue {
        var members = JSONObject()
        for property in properties {
            var described = property.schema.json.objectValue ?? JSONObject()
            if !property.description.isEmpty { described["description"] = .string(property.description) }
            members[property.name] = .object(described)
        }
        var object: JSONObject = ["type": "object", "properties": .object(members), "additionalProperties": false]
        let required = properties.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        return .object(object)
    }

    /// Itself and everything named inside it.
    func collect(into components: inout [(name: String, schema: Schema)]) {
        if let component {
            guard !components.contains(where: { $0.name == component }) else { return }
            components.append((component, self))
        }
        switch shape {
        case .array(let element, _): element.collect(into: &components)
        case .object(let properties): for property in properties { property.schema.collect(into: &components) }
        default: break
        }
    }
}

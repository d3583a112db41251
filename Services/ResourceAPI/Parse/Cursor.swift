import JOSE
import JSON

extension QueryShape.Cursor {
    /// What `after=` takes to read on behind a row: opaque to clients, base64url of a JSON array of the values in their text form.
    static func token(_ values: [String]) -> String {
        token(json: JSONValue.array(values.map { .string($0) }).serialized())
    }

    /// - Parameter json: an array of strings, as the database made it.
    static func token(json: [UInt8]) -> String { Base64URL.encode(json) }

    /// The values that ``token(_:)`` was given.
    ///
    /// - Throws: 400 `PGRST100`.
    static func values(_ token: String) throws(APIError) -> [String] {
        guard let values = decode(token), !values.isEmpty, values.count <= Query.maximumItems else {
            throw .malformed("after parameter", token, at: 1, "expecting nothing, or what an answer gave as the next page's cursor")
        }
        return values
    }

    private static func decode(_ token: String) -> [String]? {
        guard let bytes = try? Base64URL.decode(token), let elements = (try? JSONValue(parsing: bytes, maximumDepth: 1))?.arrayValue else {
            return nil
        }
        let values = elements.compactMap(\.stringValue)
        // PostgreSQL's text holds no U+0000.
        return values.count == elements.count && !values.contains { $0.utf8.contains(0) } ? values : nil
    }

    /// Whether a value of `after` is not a filter on a column of that name: a filter has a dot, base64url none.
    static func canBegin(_ text: String) -> Bool { !text.utf8.contains(UInt8(ascii: ".")) }
}

extension QueryBuilder {
    mutating func cursor(_ text: String) throws(APIError) -> QueryShape.Cursor {
        guard !text.isEmpty else { return .beginning }
        return .row(try QueryShape.Cursor.values(text).map { value($0) })
    }
}

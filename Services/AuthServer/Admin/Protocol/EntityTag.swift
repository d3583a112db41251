import Cryptography
import JOSE

/// Strong validators (RFC 9110 §8.8): of the bytes that are sent, so they change exactly with them.
enum EntityTag {
    /// Quotes included.
    static func of(_ representation: [UInt8]) -> String {
        "\"" + String(Base64URL.encode(SHA256.hash(representation)).prefix(27)) + "\""
    }

    /// The tags of `If-Match` or `If-None-Match`, weak marks removed; nil where any will do (`*`).
    static func parse(_ header: String) -> [String]? {
        var tags: [String] = []
        for part in header.split(separator: ",") {
            let tag = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            if String(tag) == "*" { return nil }
            tags.append(String(tag))
        }
        return tags
    }
}

/// Where a page ends, in a form that callers pass on and do not look into.
enum Cursor {
    static func encode(_ position: String) -> String { Base64URL.encode(Array(position.utf8)) }

    /// - Throws: ``Problem`` for what no page has given.
    static func decode(_ cursor: String) throws(Problem) -> String {
        guard cursor.utf8.count <= 1000, let bytes = try? Base64URL.decode(cursor),
            let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0)
        else { throw Problem(.malformed, "the cursor in ‘after’ is not one that a page has given") }
        return text
    }
}

extension AdminRequest {
    /// Behind which row the page begins; nil for the first page.
    func after() throws(Problem) -> String? {
        guard let cursor = query["after"] else { return nil }
        return try Cursor.decode(cursor)
    }

    static let unusableCursor = Problem(.malformed, "the cursor in ‘after’ is not one that a page has given")
}

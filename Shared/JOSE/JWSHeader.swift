public import JSON

/// A protected header (RFC 7515 §4). Members that carry or point to keys (`jku`, `jwk`, `x5u`, `x5c`) are never looked at.
public struct JWSHeader: Sendable {
    /// `alg` as written; which algorithm applies is the key's to say.
    public let algorithmName: String
    /// `kid`
    public let keyID: String?
    /// `typ` as written.
    public let type: String?
    /// All members.
    public let members: JSONObject

    /// - Throws: `.malformed` for members of the wrong type, `.unsupportedAlgorithm` for `none`, `.critical` for demands on us.
    init(parsing bytes: [UInt8]) throws(JOSEError) {
        members = try parseObject(bytes.span, maximumBytes: bytes.count)
        guard members["crit"] == nil, members["b64"] == nil else { throw .critical }
        guard let name = try Self.string("alg", in: members) else { throw .malformed("the header has no alg") }
        // In whatever letters: no reader must ever take it for an algorithm.
        guard name.lowercased() != "none" else { throw .unsupportedAlgorithm(name) }
        algorithmName = name
        keyID = try Self.string("kid", in: members)
        type = try Self.string("typ", in: members)
    }

    private static func string(_ name: String, in members: JSONObject) throws(JOSEError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.stringValue else { throw .malformed("\(name) in the header is not a string") }
        return text
    }

    /// Whether `typ` is one of those expected, as media types compare: without regard to case, `application/` left out if that leaves
    /// no slash (RFC 7515 §4.1.9). The empty string among them admits a token without `typ`.
    func hasType(among expected: Set<String>) -> Bool {
        guard let type else { return expected.contains("") }
        let canonical = Self.canonicalType(type)
        return expected.contains { !$0.isEmpty && Self.canonicalType($0).isIdenticalBytes(canonical) }
    }

    private static func canonicalType(_ type: String) -> String {
        var lower = type.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let prefix = Array("application/".utf8)
        if lower.starts(with: prefix), !lower.dropFirst(prefix.count).contains(UInt8(ascii: "/")) { lower.removeFirst(prefix.count) }
        return String(decoding: lower, as: UTF8.self)
    }
}

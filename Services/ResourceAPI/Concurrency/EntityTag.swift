/// The strong validator of one row (RFC 9110 §8.8.3): a digest of its visible columns, and behind it the form of the answer where that is
/// not plain JSON: `"9f86d081884c7d659a2feaa0c55ad015"`, `"9f86d081884c7d659a2feaa0c55ad015-csv"`.
///
/// It tells states apart, not versions: a row that is changed and changed back has its old tag again. It is the same on every server
/// and after a restore, and another one after a column was added.
enum EntityTag {
    static let digestLength = 32

    static func text(_ digest: String, _ format: AnswerFormat) -> String {
        let form =
            switch format {
            case .json(stripsNulls: false): ""
            case .json(stripsNulls: true): "-stripped"
            case .object(stripsNulls: false): "-object"
            case .object(stripsNulls: true): "-object-stripped"
            case .csv: "-csv"
            case .text, .binary: "-raw"
            }
        return "\"\(digest)\(form)\""
    }

    /// The digest in a tag of ours, whatever form of the row it was given for; nil for any other.
    ///
    /// A tag that was made weak on the way (`W/`, by a gateway that compresses) still names the state exactly.
    static func digest(_ tag: String) -> String? {
        var bytes = tag.utf8[...]
        if bytes.starts(with: "W/".utf8) { bytes = bytes.dropFirst(2) }
        guard bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\""), bytes.count > digestLength else { return nil }
        let digest = bytes.dropFirst().prefix(digestLength)
        let isHexadecimal = digest.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        let rest = bytes.dropFirst(1 + digestLength)
        guard isHexadecimal, digest.count == digestLength, rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "-") else {
            return nil
        }
        return String(Substring(digest))
    }

    /// The members of `If-Match` or `If-None-Match` fields (RFC 9110 §13.1), as they were written.
    ///
    /// - Throws: 400 `PGRST100`.
    static func list(_ fields: [String], of name: String) throws(APIError) -> [String] {
        var tags: [String] = []
        for field in fields {
            var rest = Substring(field).utf8
            while true {
                rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: ",") }
                guard !rest.isEmpty else { break }
                guard tags.count < maximumTags else { throw malformed(name) }
                tags.append(try tag(&rest, name))
            }
        }
        return tags
    }

    private static let maximumTags = 32

    private static func tag(_ rest: inout Substring.UTF8View, _ name: String) throws(APIError) -> String {
        let whole = rest
        if rest.first == UInt8(ascii: "*") {
            rest = rest.dropFirst()
        } else {
            if rest.starts(with: "W/".utf8) { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\"") else { throw malformed(name) }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { throw malformed(name) }
            rest = rest[rest.index(after: end)...]
        }
        guard rest.isEmpty || rest.first == UInt8(ascii: ",") || rest.first == UInt8(ascii: " ") else { throw malformed(name) }
        return String(Substring(whole[..<rest.startIndex]))
    }

    private static func malformed(_ name: String) -> APIError {
        APIError(400, "PGRST100", "\(name) must be * or a list of quoted entity tags")
    }
}

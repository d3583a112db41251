/// Why a text was refused by the parser, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "unexpected byte"
        case trailingBytes = "bytes after the value"
        case invalidNumber = "not a JSON number"
        case numberOutOfRange = "number out of range"
        case invalidEscape = "invalid escape"
        case loneSurrogate = "half of a surrogate pair"
        case controlCharacter = "unescaped control character in a string"
        case invalidUTF8 = "not UTF-8"
        case duplicateMember = "member name repeats"
        case tooDeep = "nested too deeply"
    }

    public let kind: Kind

    /// Offset of the offending byte from the start of the text; for a string or a number, of its first byte or a later one.
    public let offset: Int

    public init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    public var description: String {
        "\(kind.rawValue) at byte \(offset)"
    }
}

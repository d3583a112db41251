extension JSONValue {
    /// The deepest nesting the parser ever accepts, whatever a caller asks for, so that its recursion is bounded.
    public static let depthLimit = 512

    /// Parses a whole text, strictly by RFC 8259, in time linear in its length.
    ///
    /// Refused beyond the grammar: invalid UTF-8, halves of surrogate pairs, a byte order mark, member names that repeat (compared
    /// after unescaping), numbers that no finite double can hold or that are written with more than 512 bytes.
    ///
    /// - Parameter maximumDepth: how many arrays and objects may be open at once; at most `depthLimit`.
    public init(parsing bytes: [UInt8], maximumDepth: Int = 32) throws(JSONError) {
        try self.init(parsing: bytes.span, maximumDepth: maximumDepth)
    }

    /// As above, over borrowed bytes.
    public init(parsing bytes: Span<UInt8>, maximumDepth: Int = 32) throws(JSONError) {
        var parser = JSONParser(maximumDepth: min(maximumDepth, JSONValue.depthLimit))
        self = try parser.parseText(bytes)
    }

    /// As above, over borrowed bytes.
    public init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 32) throws(JSONError) {
        try self.init(parsing: bytes.bindMemory(to: UInt8.self).span, maximumDepth: maximumDepth)
    }

    /// As above; copies the bytes first.
    public init(parsing bytes: some Collection<UInt8>, maximumDepth: Int = 32) throws(JSONError) {
        try self.init(parsing: Array(bytes), maximumDepth: maximumDepth)
    }

    /// As above, over a string's UTF-8.
    public init(parsing text: String, maximumDepth: Int = 32) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }
}

/// Recursive descent over a span; keeps nothing but its position, so the span need not outlive a call.
struct JSONParser {
    var position = 0
    private var depth = 0
    private let maximumDepth: Int

    init(maximumDepth: Int) {
        self.maximumDepth = maximumDepth
    }

    mutating func parseText(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        skipWhitespace(bytes)
        let value = try parseValue(bytes)
        skipWhitespace(bytes)
        guard position == bytes.count else { throw JSONError(.trailingBytes, offset: position) }
        return value
    }

    private mutating func parseValue(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        switch try current(bytes) {
        case UInt8(ascii: "\""): .string(try parseString(bytes))
        case UInt8(ascii: "{"): .object(try parseObject(bytes))
        case UInt8(ascii: "["): .array(try parseArray(bytes))
        case UInt8(ascii: "t"): try parseLiteral("true", as: .bool(true), bytes)
        case UInt8(ascii: "f"): try parseLiteral("false", as: .bool(false), bytes)
        case UInt8(ascii: "n"): try parseLiteral("null", as: .null, bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try parseNumber(bytes)
        default: throw JSONError(.unexpectedByte, offset: position)
        }
    }

    private mutating func parseObject(_ bytes: Span<UInt8>) throws(JSONError) -> JSONObject {
        try enter()
        defer { depth -= 1 }
        var members: [(name: String, value: JSONValue)] = []
        var names = MemberNames()
        skipWhitespace(bytes)
        if try current(bytes) == UInt8(ascii: "}") {
            position += 1
            return JSONObject()
        }
        while true {
            let start = position
            guard try current(bytes) == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, offset: position) }
            let name = try parseString(bytes)
            guard names.insert(name, among: members) else { throw JSONError(.duplicateMember, offset: start) }
            skipWhitespace(bytes)
            guard try current(bytes) == UInt8(ascii: ":") else { throw JSONError(.unexpectedByte, offset: position) }
            position += 1
            skipWhitespace(bytes)
            members.append((name: name, value: try parseValue(bytes)))
            if try endOfContainer(UInt8(ascii: "}"), bytes) { return JSONObject(distinct: members) }
        }
    }

    private mutating func parseArray(_ bytes: Span<UInt8>) throws(JSONError) -> [JSONValue] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        skipWhitespace(bytes)
        if try current(bytes) == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try parseValue(bytes))
            if try endOfContainer(UInt8(ascii: "]"), bytes) { return elements }
        }
    }

    /// Steps over the opening bracket.
    private mutating func enter() throws(JSONError) {
        guard depth < maximumDepth else { throw JSONError(.tooDeep, offset: position) }
        depth += 1
        position += 1
    }

    /// Steps over a comma to the next element (false) or over the closing bracket (true).
    private mutating func endOfContainer(_ close: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        skipWhitespace(bytes)
        let byte = try current(bytes)
        guard byte == close || byte == UInt8(ascii: ",") else { throw JSONError(.unexpectedByte, offset: position) }
        position += 1
        if byte == close { return true }
        skipWhitespace(bytes)
        return false
    }

    private mutating func parseLiteral(_ word: StaticString, as value: JSONValue, _ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        for offset in 0..<word.utf8CodeUnitCount {
            guard try current(bytes) == word.utf8Start[offset] else { throw JSONError(.unexpectedByte, offset: position) }
            position += 1
        }
        return value
    }

    func current(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, offset: bytes.count) }
        return bytes[position]
    }

    private mutating func skipWhitespace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}

/// Finds repeated names: by scanning while they are few, by hashing from then on.
private struct MemberNames {
    private var names: Set<ExactString> = []
    private static let scanned = 12

    mutating func insert(_ name: String, among members: [(name: String, value: JSONValue)]) -> Bool {
        if members.count < Self.scanned {
            return !members.contains { $0.name.isIdenticalBytes(name) }
        }
        if members.count == Self.scanned {
            names = Set(members.map { ExactString($0.name) })
        }
        return names.insert(ExactString(name)).inserted
    }
}

/// Reads a `pg_node_tree` from left to right. At the end everything is absent, so malformed text ends early and never loops.
struct NodeReader {
    enum Token: Equatable {
        case open(list: Bool)
        case close
        case word(String)
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func take() -> Token? {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "("):
            position += 1
            return .open(list: true)
        case UInt8(ascii: "{"):
            position += 1
            return .open(list: false)
        case UInt8(ascii: ")"), UInt8(ascii: "}"):
            position += 1
            return .close
        default:
            return .word(word())
        }
    }

    private mutating func word() -> String {
        let start = position
        while position < bytes.count, !Self.endsWord(bytes[position]) {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position = min(position, bytes.count)
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func takeWord() -> String? {
        if case .word(let word)? = take() { word } else { nil }
    }

    /// The next field's name within a node, or nil at the node's end, which is taken. What is left of the last field's value is skipped.
    mutating func takeField() -> String? {
        while let token = take() {
            switch token {
            case .close: return nil
            case .word(let word) where word.hasPrefix(":"): return String(word.dropFirst())
            case .word: continue
            case .open: skipRest()
            }
        }
        return nil
    }

    /// After an opening, to its end.
    mutating func skipRest() {
        var depth = 1
        while depth > 0, let token = take() {
            switch token {
            case .open: depth += 1
            case .close: depth -= 1
            case .word: break
            }
        }
    }

    mutating func skipValue() {
        if case .open? = take() { skipRest() }
    }

    /// Whether the value is `<>`.
    mutating func skipEmptyValue() -> Bool {
        switch take() {
        case .open:
            skipRest()
            return false
        case .word(let word): return word == "<>"
        case .close, nil: return true
        }
    }

    /// The nodes of a list, each read to its end by `read`; none for `<>`.
    mutating func nodes<Node>(_ read: (inout NodeReader) -> Node) -> [Node] {
        guard take() == .open(list: true) else { return [] }
        var nodes: [Node] = []
        while let token = take(), token != .close {
            guard token == .open(list: false), takeWord() != nil else { continue }
            nodes.append(read(&self))
        }
        return nodes
    }

    /// The named fields that are numbers; the node is taken to its end.
    mutating func numbers(_ names: Set<String>) -> [String: Int] {
        var found: [String: Int] = [:]
        while let field = takeField() {
            if names.contains(field) { found[field] = takeWord().flatMap { Int($0) } } else { skipValue() }
        }
        return found
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        isSpace(byte) || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}")
    }
}

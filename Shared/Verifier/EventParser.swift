/// Server-sent events (HTML §9.2.6), from bytes as they come.
struct EventParser {
    enum Item: Sendable, Hashable {
        case event(name: String, data: String, id: String?)
        /// Without the colon and a space.
        case comment(String)
    }

    /// Of one line; more is no stream of ours.
    static let maximumLineBytes = 65_536

    struct LineTooLong: Error {}

    private var line: [UInt8] = []
    private var lastWasReturn = false
    private var name = ""
    private var data: [String] = []
    private var id: String?

    /// - Throws: ``LineTooLong``.
    mutating func read(_ bytes: some Sequence<UInt8>) throws(LineTooLong) -> [Item] {
        var items: [Item] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n") where lastWasReturn:
                lastWasReturn = false
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                lastWasReturn = byte == UInt8(ascii: "\r")
                if let item = endLine() { items.append(item) }
            default:
                lastWasReturn = false
                guard line.count < Self.maximumLineBytes else { throw LineTooLong() }
                line.append(byte)
            }
        }
        return items
    }

    private mutating func endLine() -> Item? {
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        guard !text.isEmpty else { return endEvent() }
        let field = text.prefix { $0 != ":" }
        var value = text.dropFirst(field.count + 1)
        if value.first == " " { value = value.dropFirst() }
        switch field {
        case "": return .comment(String(value))
        case "event": name = String(value)
        case "data": data.append(String(value))
        case "id": id = String(value)
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> Item? {
        defer { (name, data, id) = ("", [], nil) }
        guard !data.isEmpty else { return nil }
        return .event(name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"), id: id)
    }
}

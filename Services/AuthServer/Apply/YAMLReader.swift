internal import CYAML
import JSON

/// Reads one YAML 1.2 document as the JSON value that it means (libyaml's parser, YAML's core schema).
///
/// Refused beyond the grammar, so that a file means what it looks like: anchors, aliases, tags, repeated keys, several documents, and the
/// plain words that YAML 1.1 took for booleans (yes, no, on, off). JSON is YAML, and is read too.
enum YAMLReader {
    static let maximumBytes = 1 << 20
    static let maximumDepth = 16

    static func read(_ bytes: [UInt8]) throws(YAMLError) -> JSONValue {
        guard bytes.count <= maximumBytes else { throw YAMLError(line: 1, problem: "the file is larger than 1 MiB") }
        // The parser would stop at a NUL without a word.
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) else {
            throw YAMLError(line: 1, problem: "the file is not UTF-8 text")
        }
        return try Document(bytes).root
    }
}

struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// 1-based.
    let line: Int
    let problem: String

    var description: String { "line \(line): \(problem)" }
}

/// The parser's events, copied out of libyaml's hands.
private struct Document {
    enum Event {
        case streamStart, documentStart, documentEnd, streamEnd
        case scalar(String, isPlain: Bool)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    private var events: [(event: Event, line: Int)] = []
    private var position = 0
    var root = JSONValue.null

    init(_ bytes: [UInt8]) throws(YAMLError) {
        events = try Self.events(bytes)
        guard case .streamStart = next().event, case .documentStart = next().event else {
            throw YAMLError(line: 1, problem: "the file is empty")
        }
        root = try value(depth: 0)
        _ = next()
        let (event, line) = next()
        guard case .streamEnd = event else { throw YAMLError(line: line, problem: "there is a second document") }
    }

    private static func events(_ bytes: [UInt8]) throws(YAMLError) -> [(event: Event, line: Int)] {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { throw YAMLError(line: 1, problem: "no memory") }
        defer { yaml_parser_delete(&parser) }
        let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { input.deallocate() }
        _ = input.update(fromContentsOf: bytes)
        yaml_parser_set_input_string(&parser, input.baseAddress, bytes.count)
        var events: [(event: Event, line: Int)] = []
        while true {
            var raw = yaml_event_t()
            guard yaml_parser_parse(&parser, &raw) == 1 else {
                let problem = parser.problem.map { String(cString: $0) } ?? "is not YAML"
                throw YAMLError(line: Int(parser.problem_mark.line) + 1, problem: problem)
            }
            let line = Int(raw.start_mark.line) + 1
            let event: Event
            do throws(YAMLError) {
                event = try copy(raw, line)
            } catch {
                yaml_event_delete(&raw)
                throw error
            }
            yaml_event_delete(&raw)
            events.append((event, line))
            if case .streamEnd = event { return events }
        }
    }

    private static func copy(_ raw: yaml_event_t, _ line: Int) throws(YAMLError) -> Event {
        func refuse(_ anchor: UnsafeMutablePointer<yaml_char_t>?, _ tag: UnsafeMutablePointer<yaml_char_t>?) throws(YAMLError) {
            guard anchor == nil else { throw YAMLError(line: line, problem: "anchors are not read here") }
            guard tag == nil else { throw YAMLError(line: line, problem: "tags are not read here") }
        }
        switch raw.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            try refuse(scalar.anchor, scalar.tag)
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        case YAML_SEQUENCE_START_EVENT:
            try refuse(raw.data.sequence_start.anchor, raw.data.sequence_start.tag)
            return .sequenceStart
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            try refuse(raw.data.mapping_start.anchor, raw.data.mapping_start.tag)
            return .mappingStart
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        default: throw YAMLError(line: line, problem: "aliases are not read here")
        }
    }

    private mutating func next() -> (event: Event, line: Int) {
        guard position < events.count else { return (.streamEnd, events.last?.line ?? 1) }
        defer { position += 1 }
        return events[position]
    }

    private mutating func value(depth: Int) throws(YAMLError) -> JSONValue {
        let (event, line) = next()
        guard depth <= YAMLReader.maximumDepth else { throw YAMLError(line: line, problem: "is nested too deeply") }
        switch event {
        case .scalar(let text, let isPlain): return isPlain ? try Self.plain(text, line) : .string(text)
        case .sequenceStart:
            var elements: [JSONValue] = []
            while true {
                if case .sequenceEnd = events[position].event {
                    position += 1
                    return .array(elements)
                }
                elements.append(try value(depth: depth + 1))
            }
        case .mappingStart:
            var object = JSONObject()
            while true {
                let (event, line) = next()
                switch event {
                case .mappingEnd: return .object(object)
                case .scalar(let name, _):
                    guard object[name] == nil else { throw YAMLError(line: line, problem: "the key ‘\(name.prefix(60))’ repeats") }
                    object[name] = try value(depth: depth + 1)
                default: throw YAMLError(line: line, problem: "a key is not a word")
                }
            }
        default: throw YAMLError(line: line, problem: "a value is missing")
        }
    }

    /// YAML 1.2 §10.3.2.
    private static func plain(_ text: String, _ line: Int) throws(YAMLError) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: break
        }
        if ["yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) {
            throw YAMLError(line: line, problem: "write true or false, or put ‘\(text)’ in quotes")
        }
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard digits.count == 1 || digits.first != 0x30, let number = Int64(text) else {
                throw YAMLError(line: line, problem: "‘\(text.prefix(60))’ is no number that is kept exactly; put it in quotes")
            }
            return .integer(number)
        }
        return .string(text)
    }
}

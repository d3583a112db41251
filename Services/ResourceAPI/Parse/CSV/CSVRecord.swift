/// One record of a CSV file, its fields' text in one piece.
struct CSVRecord: Sendable, Hashable {
    /// Where it begins; the file's first line is 1.
    let line: Int
    private let bytes: [UInt8]
    /// Where each field ends in ``bytes``.
    private let ends: [Int]
    private let quoted: [Bool]

    /// - Parameter bytes: UTF-8.
    init(line: Int, bytes: [UInt8], ends: [Int], quoted: [Bool]) {
        self.line = line
        self.bytes = bytes
        self.ends = ends
        self.quoted = quoted
    }

    /// Fields; at least one.
    var count: Int { ends.count }

    /// A field's UTF-8, without quotes around it.
    func utf8(_ field: Int) -> ArraySlice<UInt8> {
        bytes[(field == 0 ? 0 : ends[field - 1])..<ends[field]]
    }

    func text(_ field: Int) -> String { String(decoding: utf8(field), as: UTF8.self) }

    /// Whether a field stood in quotes: `""` is not the same as nothing, and `"NULL"` not the same as NULL.
    func isQuoted(_ field: Int) -> Bool { quoted[field] }

    var fields: [String] { (0..<count).map { text($0) } }
}

/// A line that is no record.
struct CSVProblem: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// A quote inside a field that does not begin with one, or text behind a closing one.
        case strayQuote
        case unclosedQuote
        /// A carriage return with no line feed behind it, outside quotes.
        case strayCarriageReturn
        case notText
        case fieldTooLong(maximumBytes: Int)
        case recordTooLong(maximumBytes: Int)
        case tooManyFields(maximum: Int)

        var message: String {
            switch self {
            case .strayQuote: "a quote stands inside a field, or text behind a closing quote"
            case .unclosedQuote: "a quote is not closed"
            case .strayCarriageReturn: "a carriage return is not followed by a line feed"
            case .notText: "not UTF-8 text, or text with U+0000"
            case .fieldTooLong(let maximum): "a field is longer than \(maximum) bytes"
            case .recordTooLong(let maximum): "longer than \(maximum) bytes"
            case .tooManyFields(let maximum): "more than \(maximum) fields"
            }
        }
    }

    let kind: Kind
    /// Where the record begins; the file's first line is 1.
    let line: Int
}

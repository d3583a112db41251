/// Comma-separated values (RFC 4180): fields may be quoted, and a quoted one may hold commas, quotes written twice and line breaks.
struct CSVReader {
    struct Record {
        /// Where it begins, from 1.
        let line: Int
        var fields: [String]
        /// False for a quote in the wrong place, one that is never closed, or bytes that are not UTF-8.
        var isWellFormed: Bool
    }

    private let bytes: ArraySlice<UInt8>
    private var index: Int
    private var line = 1

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    /// The next record; blank lines are passed over.
    mutating func next() -> Record? {
        while index < bytes.endIndex {
            var record = Record(line: line, fields: [], isWellFormed: true)
            while readField(&record) {}
            if record.fields != [""] { return record }
        }
        return nil
    }

    /// - Returns: whether another field follows in the record.
    private mutating func readField(_ record: inout Record) -> Bool {
        var field: [UInt8] = []
        let isQuoted = index < bytes.endIndex && bytes[index] == UInt8(ascii: "\"")
        if isQuoted { readQuoted(&field, &record) }
        while index < bytes.endIndex, bytes[index] != UInt8(ascii: ","), bytes[index] != UInt8(ascii: "\n") {
            if bytes[index] == UInt8(ascii: "\"") || (isQuoted && bytes[index] != 0x0d) { record.isWellFormed = false }
            field.append(bytes[index])
            index += 1
        }
        let isLast = index >= bytes.endIndex || bytes[index] == UInt8(ascii: "\n")
        if isLast, field.last == 0x0d { field.removeLast() }
        if index < bytes.endIndex {
            if isLast { line += 1 }
            index += 1
        }
        let text = String(validating: field, as: UTF8.self)
        if text == nil { record.isWellFormed = false }
        record.fields.append(text ?? "")
        return !isLast
    }

    private mutating func readQuoted(_ field: inout [UInt8], _ record: inout Record) {
        index += 1
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\"") {
                guard index < bytes.endIndex, bytes[index] == UInt8(ascii: "\"") else { return }
                index += 1
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
            field.append(byte)
        }
        record.isWellFormed = false
    }
}

/// Reads CSV (RFC 4180) as it arrives, in memory that does not grow with the file.
///
/// Records end with CRLF or LF, the last one with the end too. Quoted fields may hold commas, line ends and doubled quotes. A byte order mark
/// at the start and lines with nothing on them are skipped. What is wrong with one record is told, and reading goes on behind the next line end:
/// after ``CSVProblem/Kind/unclosedQuote`` that is the end of the file.
///
/// ```
/// var reader = CSVReader()
/// for try await chunk in body {
///     reader.append(chunk)
///     while let result = reader.next() { … }
/// }
/// reader.finish()
/// while let result = reader.next() { … }
/// ```
struct CSVReader: Sendable {
    /// What one record may take.
    struct Limits: Sendable {
        var fieldBytes = 1_048_576
        var recordBytes = 4 * 1_048_576
        var fields = 1664
    }

    enum Result: Sendable, Hashable {
        case record(CSVRecord)
        case problem(CSVProblem)
    }

    private enum State {
        /// Before the first byte of a record.
        case start
        /// Before the first byte of a field.
        case field
        case plain
        case quoted
        /// Behind a quote in a quoted field: the end of it, or the first half of a doubled one.
        case quote
        /// Behind a carriage return: a line feed must follow.
        case carriageReturn
        /// Behind a problem, up to the next line end.
        case skipping
    }

    private let limits: Limits
    private var chunk: [UInt8] = []
    private var position = 0
    private var isFinished = false
    private var byteOrderMark = 0

    private var state = State.start
    /// Of what is read next.
    private var line = 1
    private var recordLine = 1
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var quoted: [Bool] = []
    private var isQuoted = false

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Takes the next piece of the file. Call ``next()`` until it gives nil before the next one.
    mutating func append(_ chunk: [UInt8]) {
        if position == self.chunk.count {
            self.chunk = chunk
        } else {
            self.chunk.removeFirst(position)
            self.chunk += chunk
        }
        position = 0
    }

    /// No more will come.
    mutating func finish() { isFinished = true }

    /// The next record, or what is wrong with it; nil if more of the file is needed, or there is no more.
    mutating func next() -> Result? {
        skipByteOrderMark()
        while position < chunk.count {
            if let result = step() { return result }
        }
        return isFinished ? end() : nil
    }

    /// Takes bytes, or gives a result, or changes state.
    private mutating func step() -> Result? {
        let byte = chunk[position]
        switch state {
        case .skipping:
            skip(to: UInt8(ascii: "\n"))
        case .start:
            recordLine = line
            state = .field
        case .field where byte == UInt8(ascii: "\""):
            position += 1
            isQuoted = true
            state = .quoted
        case .field, .plain:
            return plain()
        case .quoted:
            return quotedRun()
        case .quote where byte == UInt8(ascii: "\""):
            state = .quoted
            return take(upTo: position + 1)
        case .quote:
            return behindField(byte)
        case .carriageReturn:
            guard byte == UInt8(ascii: "\n") else { return problem(.strayCarriageReturn, isAtLineEnd: false) }
            return behindField(byte)
        }
        return nil
    }

    private mutating func plain() -> Result? {
        var end = position
        scan: while end < chunk.count {
            switch chunk[end] {
            case UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\""): break scan
            default: end += 1
            }
        }
        if let problem = take(upTo: end) { return problem }
        state = .plain
        return position < chunk.count ? behindField(chunk[position]) : nil
    }

    private mutating func quotedRun() -> Result? {
        var end = position
        while end < chunk.count, chunk[end] != UInt8(ascii: "\"") { end += 1 }
        if let problem = take(upTo: end) { return problem }
        if position < chunk.count {
            position += 1
            state = .quote
        }
        return nil
    }

    /// Adds bytes to the field, as many as it may have: what passes a bound is told at the same byte in whatever pieces the file comes.
    private mutating func take(upTo end: Int) -> Result? {
        let fieldRoom = limits.fieldBytes - (bytes.count - (ends.last ?? 0))
        let recordRoom = limits.recordBytes - bytes.count
        let taken = chunk[position..<position + min(end - position, fieldRoom, recordRoom)]
        if state == .quoted { for byte in taken where byte == UInt8(ascii: "\n") { line += 1 } }
        bytes += taken
        position = taken.endIndex
        guard position < end else { return nil }
        return problem(
            fieldRoom <= recordRoom ? .fieldTooLong(maximumBytes: limits.fieldBytes) : .recordTooLong(maximumBytes: limits.recordBytes),
            isAtLineEnd: false)
    }

    /// What may follow a field: a comma or a line end.
    private mutating func behindField(_ byte: UInt8) -> Result? {
        switch byte {
        case UInt8(ascii: ","):
            position += 1
            state = .field
            return endField(isAtLineEnd: false)
        case UInt8(ascii: "\n"):
            position += 1
            line += 1
            return endField(isAtLineEnd: true) ?? record()
        case UInt8(ascii: "\r"):
            position += 1
            state = .carriageReturn
            return nil
        default:
            return problem(.strayQuote, isAtLineEnd: false)
        }
    }

    private mutating func endField(isAtLineEnd: Bool) -> Result? {
        guard ends.count < limits.fields else { return problem(.tooManyFields(maximum: limits.fields), isAtLineEnd: isAtLineEnd) }
        ends.append(bytes.count)
        quoted.append(isQuoted)
        isQuoted = false
        return nil
    }

    /// Nil for a line with nothing on it.
    private mutating func record() -> Result? {
        defer { clear() }
        if ends.count == 1, bytes.isEmpty, quoted == [false] { return nil }
        guard isText else { return .problem(CSVProblem(kind: .notText, line: recordLine)) }
        return .record(CSVRecord(line: recordLine, bytes: bytes, ends: ends, quoted: quoted))
    }

    /// Whether every field is: none may begin in the middle of a character.
    private var isText: Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
            && ends.allSatisfy { $0 == bytes.count || bytes[$0] & 0xC0 != 0x80 }
    }

    /// - Parameter isAtLineEnd: whether the record's line end was taken already.
    private mutating func problem(_ kind: CSVProblem.Kind, isAtLineEnd: Bool) -> Result {
        clear()
        if !isAtLineEnd { state = .skipping }
        return .problem(CSVProblem(kind: kind, line: recordLine))
    }

    private mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        quoted.removeAll(keepingCapacity: true)
        isQuoted = false
        state = .start
    }

    private mutating func skip(to byte: UInt8) {
        while position < chunk.count {
            position += 1
            if chunk[position - 1] == byte {
                line += 1
                state = .start
                return
            }
        }
    }

    /// What the end of the file makes of what was begun.
    private mutating func end() -> Result? {
        switch state {
        case .start:
            return nil
        case .skipping:
            clear()
            return nil
        case .quoted:
            clear()
            return .problem(CSVProblem(kind: .unclosedQuote, line: recordLine))
        case .carriageReturn:
            clear()
            return .problem(CSVProblem(kind: .strayCarriageReturn, line: recordLine))
        case .field, .plain, .quote:
            return endField(isAtLineEnd: true) ?? record()
        }
    }

    /// What only begins like a mark is given back: it is not UTF-8, and told so.
    private mutating func skipByteOrderMark() {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        while byteOrderMark < mark.count {
            if position == chunk.count, !isFinished || byteOrderMark == 0 { return }
            guard position < chunk.count, chunk[position] == mark[byteOrderMark] else {
                chunk.replaceSubrange(..<position, with: mark[..<byteOrderMark])
                position = 0
                byteOrderMark = mark.count
                return
            }
            position += 1
            byteOrderMark += 1
        }
    }
}

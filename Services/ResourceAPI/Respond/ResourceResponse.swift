import Postgres

/// The answer to a request, without HTTP's own types.
struct ResourceResponse: Sendable {
    /// What is sent, held where PostgreSQL's answer was received.
    enum Body: Sendable {
        case none
        case text(StaticString)
        case rows(QueryResult)
        case bytes([UInt8])

        /// Calls `body` with the bytes, which must not be used afterwards. Nil: no body.
        func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
            switch self {
            case .none: try body(nil)
            case .text(let text): try body(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
            case .rows(let result): try result.withUnsafeBytes(row: 0, column: 0, body)
            case .bytes(let bytes): try bytes.withUnsafeBytes { try body($0) }
            }
        }
    }

    let status: Int
    /// As needed `Content-Range`, `Preference-Applied`, `Location`, `Content-Profile` and `Content-Type`, and what a function set.
    let headers: [(name: String, value: String)]
    let body: Body

    init(status: Int, headers: [(name: String, value: String)], body: Body) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// - Throws: 416 `PGRST103` for an offset beyond a known total; 406 `PGRST116` for another number of rows than the one asked for; 400 `54000` for
    /// an answer, or a cursor, that is too large.
    init(_ request: PreparedRequest, _ outcome: Outcome) throws(APIError) {
        let operation = request.operation
        let verb = operation.verb
        let range = try ContentRange(of: request, outcome)
        // A write that ran has been checked, and taken back, where it ran.
        if operation.format.isObject, outcome.count != 1, !verb.isCall { throw .notSingular(outcome.count) }
        if outcome.isTooLarge, verb.isRead {
            throw APIError(
                400, "54000", "The answer is larger than \(Self.maximumBytes / 1_048_576) MB", hint: "Ask for fewer rows or columns")
        }
        var body = Self.body(request, outcome)
        let hasBody = if case .none = body { false } else { true }

        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(6)
        if verb != .put { headers.append(("Content-Range", range.text(for: verb))) }
        if let applied = request.preferenceApplied { headers.append(("Preference-Applied", applied)) }
        if let key = outcome.key {
            let location = Self.location(operation.name, key)
            // The row has been written: a key that is longer than headers can be goes without.
            if location.utf8.count <= Self.maximumHeaderBytes { headers.append(("Location", location)) }
        }
        if let tag = outcome.tag, outcome.count == 1, !outcome.isTooLarge {
            headers.append(("ETag", EntityTag.text(tag, operation.format)))
        }
        if let cursor = outcome.cursor {
            guard cursor.utf8.count <= Self.maximumHeaderBytes else {
                throw APIError(
                    400, "54000", "The cursor is larger than \(Self.maximumHeaderBytes) bytes", hint: "Order by columns of shorter values")
            }
            headers.append(("Next-Cursor", cursor))
        }
        if operation.catalog.schemas.count > 1 { headers.append(("Content-Profile", operation.schema)) }
        if hasBody || (verb.isHead && !operation.returnsNothing) { headers.append(("Content-Type", operation.format.contentType)) }

        var status = Self.status(request, outcome, range)
        if let own = outcome.responseHeaders { Self.add(try RaisedAnswer.headers(own), to: &headers) }
        if let own = outcome.responseStatus { status = try RaisedAnswer.status(own) }
        // These end with their headers (RFC 9110 §6.4.1).
        if status == 204 || status == 205 || status == 304 { body = .none }
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A header that is made of a row's values at most: gateways take 4 KiB of headers, unless told otherwise.
    static let maximumHeaderBytes = 2048

    /// One answer's body at most; PostgreSQL makes it whole, and the service holds it whole.
    static let maximumBytes = 16 * 1_048_576

    /// Of errors.
    static let contentType = AnswerFormat.json(stripsNulls: false).contentType

    private static func status(_ request: PreparedRequest, _ outcome: Outcome, _ range: ContentRange) -> Int {
        let isRepresented = request.preferences.returning == .representation
        return switch request.operation.verb {
        case .read, .head:
            range.isPartial ? 206 : 200
        case .call, .callReading, .callHead:
            request.operation.returnsNothing ? 204 : range.isPartial ? 206 : 200
        case .insert:
            // Nothing but merged rows: nothing was made.
            outcome.inserted == 0 && outcome.count > 0 ? 200 : 201
        case .put:
            outcome.inserted == 0 ? (isRepresented ? 200 : 204) : 201
        case .update, .delete:
            isRepresented ? 200 : 204
        }
    }

    private static func body(_ request: PreparedRequest, _ outcome: Outcome) -> Body {
        let verb = request.operation.verb
        guard !verb.isHead else { return .none }
        if let rows = outcome.body { return .rows(rows) }
        // What was written stays written; only its representation is left out.
        guard !outcome.isTooLarge, request.preferences.returning == .representation || verb.isRead, !verb.isCall else { return .none }
        return request.operation.format == .csv ? .text("") : .text("[]")
    }

    /// The server's own of the same name give way; of the function's all stay.
    private static func add(_ own: [APIError.Header], to headers: inout [(name: String, value: String)]) {
        let names = Set(own.map { $0.name.lowercased() })
        headers.removeAll { names.contains($0.name.lowercased()) }
        headers += own.map { (name: $0.name, value: $0.value) }
    }

    /// Relative to the API: `customers?id=eq.…`.
    private static func location(_ table: String, _ key: [(column: String, value: String)]) -> String {
        let filters = key.map { "\(percentEncoded($0.column))=eq.\(percentEncoded($0.value))" }
        return percentEncoded(table) + "?" + filters.joined(separator: "&")
    }

    private static func percentEncoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

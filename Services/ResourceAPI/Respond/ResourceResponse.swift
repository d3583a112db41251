import Postgres

/// The answer to a request, without HTTP's own types.
struct ResourceResponse: Sendable {
    /// A JSON array, held where PostgreSQL's answer was received.
    enum Body: Sendable {
        case none
        case emptyArray
        case rows(QueryResult)

        /// Calls `body` with the JSON text; the bytes must not be used afterwards. Nil: no body.
        func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
            switch self {
            case .none: try body(nil)
            case .emptyArray: try Array("[]".utf8).withUnsafeBytes { try body($0) }
            case .rows(let result): try result.withUnsafeBytes(row: 0, column: 0, body)
            }
        }
    }

    let status: Int
    /// `Content-Range`, and as needed `Preference-Applied`, `Location` and `Content-Type`.
    let headers: [(name: String, value: String)]
    let body: Body

    /// - Throws: 416 `PGRST103` for an offset beyond a known total.
    init(_ operation: Operation, _ query: Query, _ outcome: Outcome) throws(APIError) {
        let (verb, preferences) = (operation.verb, operation.preferences)
        let offset = query.shape.root.offset.flatMap { Int(query.values[$0]) } ?? 0
        let total: Int? = preferences.count == .exact ? (outcome.total ?? outcome.count) : nil

        if verb.isRead, let total, offset > total {
            throw APIError(
                416, "PGRST103", "Requested range not satisfiable",
                details: "An offset of \(offset) was requested, but there are only \(total) rows.")
        }
        if outcome.isTooLarge, verb.isRead {
            throw APIError(
                400, "54000", "The answer is larger than \(Self.maximumBytes / 1_048_576) MB", hint: "Ask for fewer rows or columns")
        }
        switch verb {
        case .read, .head, .callReading, .callHead, .call:
            status = total.map { outcome.count < $0 } ?? false ? 206 : 200
        case .insert, .put:
            status = 201
        case .update, .delete:
            status = preferences.returning == .representation ? 200 : 204
        }

        var headers = [("Content-Range", Self.contentRange(verb, offset: offset, count: outcome.count, total: total))]
        if let applied = preferences.applied(to: verb) { headers.append(("Preference-Applied", applied)) }
        if let key = outcome.key { headers.append(("Location", Self.location(operation.table, key))) }
        if let rows = outcome.rows {
            body = .rows(rows)
        } else {
            // What was written stays written; only its representation is left out.
            body = verb != .head && !outcome.isTooLarge && preferences.returning == .representation ? .emptyArray : .none
        }
        if verb == .head {
            headers.append(("Content-Type", Self.contentType))
        } else if case .none = body {
        } else {
            headers.append(("Content-Type", Self.contentType))
        }
        self.headers = headers.map { (name: $0.0, value: $0.1) }
    }

    /// One answer's JSON at most; PostgreSQL makes it whole, and the service holds it whole.
    static let maximumBytes = 16 * 1_048_576

    static let contentType = "application/json; charset=utf-8"

    /// `first-last/total`; `*` for what is empty, unknown or has no place in the table.
    private static func contentRange(_ verb: Verb, offset: Int, count: Int, total: Int?) -> String {
        let hasRange = count > 0 && (verb.isRead || verb == .update)
        return (hasRange ? "\(offset)-\(offset + count - 1)" : "*") + "/" + (total.map { String($0) } ?? "*")
    }

    /// Relative to the table's own URL: `customers?id=eq.…`.
    private static func location(_ table: Table, _ key: [(column: String, value: String)]) -> String {
        let filters = key.map { "\(percentEncoded($0.column))=eq.\(percentEncoded($0.value))" }
        return percentEncoded(table.name) + "?" + filters.joined(separator: "&")
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

extension Preferences {
    /// The value of `Preference-Applied` (RFC 7240 §3); nil if none was asked for.
    fileprivate func applied(to verb: Verb) -> String? {
        var applied: [String] = []
        if isStrict { applied.append("handling=strict") }
        if let returning, !verb.isRead { applied.append("return=\(returning.rawValue)") }
        if count == .exact { applied.append("count=exact") }
        return applied.isEmpty ? nil : applied.joined(separator: ", ")
    }
}

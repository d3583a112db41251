import JSON
import OAuth

extension Payload {
    private static let maximumDepth = 64
    private static let maximumFormMembers = 1000
    /// A long header line makes much more JSON than it is itself.
    private static let maximumTextBytes = 16 * 1_048_576

    /// Reads a body by its media type.
    ///
    /// Rows are JSON, CSV with a header line, or a form; a function takes text, bytes and XML as well, and JSON of any form. No body at all is `{}` to
    /// a function.
    /// - Parameter contentType: the value of `Content-Type`; nil: JSON.
    /// - Throws: 400 `PGRST102`; 415 `PGRST102` for another media type or character set.
    init(_ body: [UInt8], contentType: String?, for verb: Verb) throws(APIError) {
        let type = MediaType(contentType ?? "application/json")
        if let charset = type.parameter("charset")?.lowercased(), !["utf-8", "utf8", "us-ascii"].contains(charset) {
            throw .notReadable(contentType ?? "")
        }
        switch type.name {
        case "application/json" where verb == .call && body.isEmpty: try self.init(json: Array("{}".utf8), for: verb)
        case "application/json": try self.init(json: body, for: verb)
        case "text/csv": try self.init(csv: body)
        case "application/x-www-form-urlencoded": try self.init(form: body, allowsRepetition: verb == .call)
        case "text/plain" where verb == .call: self.init(.text, try Self.text(body))
        case "text/xml" where verb == .call, "application/xml" where verb == .call: self.init(.xml, try Self.text(body))
        case "application/octet-stream" where verb == .call: self.init(.binary, Self.hexadecimal(body))
        default: throw .notReadable(contentType ?? "")
        }
    }

    private init(_ raw: Raw, _ text: String) {
        self.init(form: .raw(raw), rowCount: 0, keys: [], isUniform: true, text: text)
    }

    private init(json body: [UInt8], for verb: Verb) throws(APIError) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body, maximumDepth: Self.maximumDepth)
        } catch {
            throw .invalidBody("Empty or invalid json", details: error.description)
        }
        let text = String(decoding: body, as: UTF8.self)
        switch value {
        case .object(let object):
            self.init(form: .object, rowCount: 1, keys: Self.keys(object), isUniform: true, text: text)
        case .array(let elements):
            let rows = elements.compactMap(\.objectValue)
            if rows.count < elements.count {
                guard verb == .call else { throw .invalidBody("All items of the array must be objects") }
                self.init(.json, text)
            } else {
                let keys = rows.first.map(Self.keys) ?? []
                self.init(form: .array, rowCount: rows.count, keys: keys, isUniform: Self.areUniform(rows, keys), text: text)
            }
        default:
            guard verb == .call else { throw .invalidBody("The body must be an object or an array of objects") }
            self.init(.json, text)
        }
    }

    private static func keys(_ object: JSONObject) -> [ExactString] {
        sorted(object.members.map { ExactString($0.name) })
    }

    private static func sorted(_ keys: [ExactString]) -> [ExactString] {
        keys.sorted { $0.string.utf8.lexicographicallyPrecedes($1.string.utf8) }
    }

    private static func areUniform(_ rows: [JSONObject], _ keys: [ExactString]) -> Bool {
        guard let first = rows.first else { return true }
        return rows.dropFirst().allSatisfy { row in
            guard row.count == keys.count else { return false }
            // Most bodies repeat the order too.
            if zip(row.members, first.members).allSatisfy({ $0.name.isIdenticalBytes($1.name) }) { return true }
            return Self.keys(row) == keys
        }
    }

    /// A header line with the keys, and an object of strings for every line behind it; `NULL` without quotes is null.
    private init(csv body: [UInt8]) throws(APIError) {
        var reader = CSVReader(limits: CSVReader.Limits(fieldBytes: .max, recordBytes: .max))
        reader.append(body)
        reader.finish()
        guard let header = try reader.nextRecord() else { throw .invalidBody("The CSV has no header line") }
        let names = header.fields
        let keys = names.map { ExactString($0) }
        guard Set(keys).count == keys.count, !names.contains("") else {
            throw .invalidBody("The CSV's header names a column twice, or has an empty name", details: "Line \(header.line)")
        }
        var writer = JSONWriter(reserving: body.count * 2)
        var rowCount = 0
        writer.beginArray()
        while let record = try reader.nextRecord() {
            guard record.count == names.count else {
                throw .invalidBody(
                    "All lines must have same number of fields",
                    details: "Line \(record.line) has \(record.count), and the header has \(names.count).")
            }
            writer.beginObject()
            for (field, name) in names.enumerated() {
                writer.name(name)
                if !record.isQuoted(field), record.utf8(field).elementsEqual("NULL".utf8) {
                    writer.null()
                } else {
                    writer.string(utf8: Array(record.utf8(field)))
                }
            }
            writer.endObject()
            rowCount += 1
            guard writer.bytes.count <= Self.maximumTextBytes else {
                throw .invalidBody("The CSV is too large", details: "Line \(record.line) passes \(Self.maximumTextBytes) bytes of JSON.")
            }
        }
        writer.endArray()
        self.init(
            form: .array, rowCount: rowCount, keys: rowCount == 0 ? [] : Self.sorted(keys), isUniform: true,
            text: String(decoding: writer.bytes, as: UTF8.self))
    }

    /// An object of strings; of a name that comes again, where that is allowed, an array of them.
    private init(form body: [UInt8], allowsRepetition: Bool) throws(APIError) {
        var names: [ExactString] = []
        var values: [ExactString: [String]] = [:]
        for pair in body.split(separator: UInt8(ascii: "&")) {
            guard names.count < Self.maximumFormMembers else {
                throw .invalidBody("The form has more than \(Self.maximumFormMembers) members")
            }
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard let name = PercentCoding.decode(pair[..<equals], plusIsSpace: true),
                let value = PercentCoding.decode(pair[equals...].dropFirst(), plusIsSpace: true)
            else { throw .invalidBody("The form is not percent-encoded UTF-8 text") }
            let key = ExactString(name)
            if values[key] == nil { names.append(key) }
            values[key, default: []].append(value)
            guard allowsRepetition || values[key]?.count == 1 else {
                throw .invalidBody("The form names a member twice", details: APIError.excerpt(name))
            }
        }
        var writer = JSONWriter(reserving: body.count * 2)
        writer.beginObject()
        for name in names {
            if let several = values[name], several.count > 1 {
                writer.field(name.string, several)
            } else {
                writer.field(name.string, values[name]?.first ?? "")
            }
        }
        writer.endObject()
        self.init(
            form: .object, rowCount: 1, keys: Self.sorted(names), isUniform: true, text: String(decoding: writer.bytes, as: UTF8.self))
    }

    private static func text(_ body: [UInt8]) throws(APIError) -> String {
        guard !body.contains(0), let text = String(validating: body, as: UTF8.self) else {
            throw .invalidBody("The body is not UTF-8 text without U+0000")
        }
        return text
    }

    private static func hexadecimal(_ body: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = [UInt8(ascii: "\\"), UInt8(ascii: "x")]
        text.reserveCapacity(2 + 2 * body.count)
        for byte in body {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension CSVReader {
    /// - Throws: 400 `PGRST102` for what is no record.
    fileprivate mutating func nextRecord() throws(APIError) -> CSVRecord? {
        switch next() {
        case nil: return nil
        case .record(let record): return record
        case .problem(let problem): throw .invalidBody("Invalid CSV", details: "Line \(problem.line): \(problem.kind.message).")
        }
    }
}

extension APIError {
    fileprivate static func notReadable(_ contentType: String) -> APIError {
        APIError(415, "PGRST102", "Content-Type not acceptable: \(excerpt(contentType))")
    }
}

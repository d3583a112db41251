import JSON

/// Where a file's rows go: the inserts that they become.
struct ImportTarget: Sendable {
    let engine: ResourceEngine
    let table: Table
    private let schema: String?
    private let onConflict: String
    private let prefer: [String]

    /// - Parameter rawQuery: `on_conflict` and nothing else.
    /// - Throws: 400 `PGRST100` for anything else; what is wrong with the preferences.
    init(engine: ResourceEngine, table: Table, schema: String?, rawQuery: String, prefer: [String]) throws(APIError) {
        self.engine = engine
        self.table = table
        self.schema = schema
        guard rawQuery.isEmpty || (rawQuery.hasPrefix("on_conflict=") && !rawQuery.utf8.contains(UInt8(ascii: "&"))) else {
            throw .unsupported("An import takes on_conflict and nothing else", rawQuery)
        }
        onConflict = rawQuery.isEmpty ? "" : "&" + rawQuery
        switch try Preferences(prefer).resolution {
        case .mergeDuplicates: self.prefer = ["return=minimal", "resolution=merge-duplicates"]
        case .ignoreDuplicates: self.prefer = ["return=minimal", "resolution=ignore-duplicates"]
        case nil: self.prefer = ["return=minimal"]
        }
    }

    /// The insert of some rows.
    ///
    /// - Parameter columns: the value of `columns=`.
    /// - Throws: what is wrong with the columns or the rows as a whole.
    func insert(_ rows: [UInt8], columns: String) throws(APIError) -> PreparedRequest {
        var request = ResourceRequest(verb: .insert, name: table.name, rawQuery: Substring("columns=\(columns)\(onConflict)"))
        request.schema = schema
        request.prefer = prefer
        request.contentType = "application/json"
        request.body = rows
        return try engine.prepare(request)
    }
}

/// The columns of a file, by its header line.
struct ImportColumns: Sendable {
    let columns: [Column]
    /// As `columns=` has them.
    let list: String

    /// - Throws: 400 `PGRST102` for a name that is empty or comes twice; `PGRST204` for one that the table does not have.
    init(_ header: CSVRecord, of table: Table) throws(APIError) {
        var columns: [Column] = []
        for name in header.fields {
            guard let column = table.column(name) else { throw .unknownBodyColumn(name, table: table.name) }
            guard !columns.contains(column) else {
                throw .invalidBody("The header line names a column twice", details: APIError.excerpt(name))
            }
            columns.append(column)
        }
        self.columns = columns
        list = columns.map { Self.encoded($0.name) }.joined(separator: ",")
    }

    /// Quoted where it has to be, and percent-encoded.
    private static func encoded(_ name: String) -> String {
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        let quoted = "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        for byte in quoted.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"): bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Adds a record as an object.
    ///
    /// - Throws: 400 `22P02` for a value of a JSON column that is not JSON.
    func write(_ record: CSVRecord, to json: inout JSONWriter) throws(ImportFault) {
        json.beginObject()
        for (field, column) in columns.enumerated() {
            json.name(column.name)
            let bytes = record.utf8(field)
            if !record.isQuoted(field), bytes.isEmpty || bytes.elementsEqual("NULL".utf8) {
                json.null()
            } else if column.kind == .json || column.kind == .jsonb {
                // As text it would become a JSON string.
                guard (try? JSONValue(parsing: Array(bytes), maximumDepth: 64)) != nil else {
                    throw ImportFault(column: column.name, error: APIError(400, "22P02", "invalid input syntax for type json"))
                }
                json.raw(Array(bytes))
            } else {
                json.string(utf8: Array(bytes))
            }
        }
        json.endObject()
    }
}

/// What is wrong with one record.
struct ImportFault: Error {
    var column: String?
    let error: APIError
}

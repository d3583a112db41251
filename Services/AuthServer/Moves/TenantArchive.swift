import FoundationEssentials
import JSON
import Tenancy

/// A tenant in a file: lines of JSON. The first says whose it is, a line before each table's rows its columns, a row is an array of one object,
/// and the last line counts the rows, so that half a file is known for one.
enum TenantArchive {
    static let format: Int64 = 1

    struct Header: Sendable {
        let slug: TenantSlug
        let id: TenantID
        /// The newest migration where it came from.
        let schemaVersion: Int

        var line: JSONObject {
            [
                "sallyport_tenant": .integer(format), "tenant": .string(slug.rawValue), "id": .string(id.description),
                "schema": .integer(Int64(schemaVersion)),
            ]
        }
    }

    enum Line: Sendable {
        case header(Header)
        case table(name: String, columns: [String])
        /// The object's text, as PostgreSQL wrote it.
        case row(String)
        case end(rows: Int64)
    }

    static func table(_ table: TenantTable) -> JSONObject {
        ["table": .string(table.qualifiedName), "columns": .array(table.columns.map { .string($0.name) })]
    }

    /// - Throws: a message without any of the line's contents.
    static func line(_ bytes: some Collection<UInt8>, number: Int) throws -> Line {
        if bytes.first == UInt8(ascii: "[") {
            guard let text = String(validating: bytes.dropFirst().dropLast(), as: UTF8.self) else {
                throw CommandFailure("line \(number) is not UTF-8")
            }
            return .row(text)
        }
        guard let object = try? JSONValue(parsing: bytes).objectValue else { throw CommandFailure("line \(number) is not JSON") }
        if let format = object["sallyport_tenant"]?.intValue {
            guard format == Self.format, let slug = object["tenant"]?.stringValue, let slug = try? TenantSlug(slug),
                let id = object["id"]?.stringValue.flatMap({ UUID(uuidString: $0) }), let version = object["schema"]?.intValue
            else { throw CommandFailure("line \(number): a format that this version does not know") }
            return .header(Header(slug: slug, id: TenantID(id), schemaVersion: Int(version)))
        }
        if let name = object["table"]?.stringValue, let columns = object["columns"]?.arrayValue?.compactMap(\.stringValue) {
            return .table(name: name, columns: columns)
        }
        guard let rows = object["rows"]?.intValue, object["end"]?.boolValue == true else {
            throw CommandFailure("line \(number) is nothing that an export has")
        }
        return .end(rows: rows)
    }
}

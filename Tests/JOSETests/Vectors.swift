import FoundationEssentials
import JSON

/// A file of published vectors in `Vectors`.
func vectors(_ name: String, file: String = #filePath) throws -> JSONObject {
    let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    let bytes = Array(try Data(contentsOf: URL(filePath: "\(folder)/Vectors/\(name)")))
    return try JSONValue(parsing: bytes).objectValue ?? [:]
}

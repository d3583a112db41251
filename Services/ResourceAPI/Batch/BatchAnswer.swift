import JSON

/// The answers of a batch's operations, in their order: `{"results": [{"status": 201, "headers": {…}, "body": …}, …]}`. A body that is not
/// JSON is a string; without one it is null.
struct BatchAnswer {
    private var json = JSONWriter(reserving: 4096)
    /// Of the API, for `Location`.
    private let path: String

    init(path: String) {
        self.path = path
        json.beginObject()
        json.name("results")
        json.beginArray()
    }

    var byteCount: Int { json.bytes.count }

    mutating func append(_ answer: ResourceResponse) {
        json.beginObject()
        json.field("status", answer.status)
        json.name("headers")
        json.beginObject()
        var isJSON = false
        for (name, value) in answer.headers {
            json.field(name, name == "Location" ? "\(path)/\(value)" : value)
            if name == "Content-Type" { isJSON = MediaType(value).name.hasSuffix("json") }
        }
        json.endObject()
        json.name("body")
        answer.body.withUnsafeBytes { bytes in
            guard let bytes, !bytes.isEmpty || !isJSON else { return json.null() }
            if isJSON { json.raw(Array(bytes)) } else { json.string(utf8: Array(bytes)) }
        }
        json.endObject()
    }

    consuming func finished() -> [UInt8] {
        json.endArray()
        json.endObject()
        return json.bytes
    }
}

import JSON

extension APIError {
    /// The error's body: all four members always.
    ///
    /// - Parameter index: the place of the operation that failed, in a batch.
    func serialized(index: Int? = nil) -> [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.beginObject()
        writer.field("code", code)
        writer.field("message", message)
        writer.name("details")
        if let detailsJSON { writer.raw(detailsJSON) } else if let details { writer.string(details) } else { writer.null() }
        writer.name("hint")
        if let hint { writer.string(hint) } else { writer.null() }
        if let index { writer.field("index", index) }
        writer.endObject()
        return writer.bytes
    }
}

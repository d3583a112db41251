internal import JSON

/// Spans as OTLP/HTTP sends them in JSON: an `ExportTraceServiceRequest` (OTLP 1.x, "JSON Protobuf Encoding": ids in hexadecimal, 64-bit
/// integers as strings, enumerations as numbers).
public struct OTLPTraces: Sendable {
    /// Of one attribute's text; SQL may be longer.
    static let maximumTextBytes = 2048

    private let resource: [(name: String, value: String)]
    private let scopeVersion: String

    /// - Parameter resource: who records, such as `service.name` and `service.instance.id`.
    public init(resource: [(name: String, value: String)], scopeVersion: String) {
        self.resource = resource
        self.scopeVersion = scopeVersion
    }

    public func body(_ records: [SpanRecord]) -> [UInt8] {
        var json = JSONWriter(reserving: 512 + records.count * 512)
        json.object {
            $0.array("resourceSpans") {
                $0.object {
                    $0.name("resource")
                    $0.object { json in
                        json.array("attributes") { for (name, value) in resource { $0.attribute(name, .text(value)) } }
                    }
                    $0.array("scopeSpans") {
                        $0.object {
                            $0.name("scope")
                            $0.object {
                                $0.field("name", "sallyport")
                                $0.field("version", scopeVersion)
                            }
                            $0.array("spans") { for record in records { $0.span(record) } }
                        }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func object(_ members: (inout JSONWriter) -> Void) {
        beginObject()
        members(&self)
        endObject()
    }

    fileprivate mutating func array(_ name: String, _ elements: (inout JSONWriter) -> Void) {
        self.name(name)
        beginArray()
        elements(&self)
        endArray()
    }

    fileprivate mutating func span(_ record: SpanRecord) {
        object { json in
            json.field("traceId", record.traceID.description)
            json.field("spanId", record.id.description)
            json.field("parentSpanId", ifPresent: record.parent?.description)
            json.field("flags", 1)
            json.field("name", record.name)
            json.field("kind", record.kind.rawValue)
            json.field("startTimeUnixNano", String(record.startedAt))
            json.field("endTimeUnixNano", String(record.endedAt))
            json.array("attributes") {
                for (name, value) in record.attributes { $0.attribute(name.description, value) }
                if let failure = record.failure { $0.attribute("error.type", .text(failure)) }
            }
            json.name("status")
            json.object { if record.failure != nil { $0.field("code", 2) } }
        }
    }

    fileprivate mutating func attribute(_ name: String, _ value: Span.Value) {
        object { json in
            json.field("key", name)
            json.name("value")
            json.object {
                switch value {
                case .integer(let number): $0.field("intValue", String(number))
                case .text(let text): $0.field("stringValue", text.bounded(OTLPTraces.maximumTextBytes))
                }
            }
        }
    }
}

extension String {
    /// Not more than so many bytes of UTF-8, cut between characters.
    fileprivate func bounded(_ maximum: Int) -> String {
        guard utf8.count > maximum else { return self }
        var end = utf8.index(startIndex, offsetBy: maximum)
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end] + "…"
    }
}

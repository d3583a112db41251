import JSON
import Postgres

/// What a developer's function says of the answer: `RAISE SQLSTATE 'PGRST'`, and the settings `response.status` and `response.headers`.
enum RaisedAnswer {
    /// Members of a message, and headers: both are short.
    static let maximumHeaders = 32

    /// Of `RAISE SQLSTATE 'PGRST' USING MESSAGE = '{"code", "message", "details", "hint"}', DETAIL = '{"status", "headers"}'`.
    static func error(_ error: ServerError) -> APIError {
        guard let message = object(error.message), let code = message["code"]?.stringValue, let text = message["message"]?.stringValue,
            let detail = error.detail.flatMap(object), let status = detail["status"]?.intValue, (200...599).contains(status),
            let headers = headers(detail["headers"] ?? .object([:]))
        else {
            return APIError(
                500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
                hint: "MESSAGE must be a JSON object with code and message, DETAIL one with status and headers")
        }
        var answer = APIError(
            Int(status), code, APIError.spoken(text) ?? "refused", details: message["details"]?.stringValue.flatMap(APIError.spoken),
            hint: message["hint"]?.stringValue.flatMap(APIError.spoken))
        answer.headers = headers
        return answer
    }

    /// - Throws: 500 `PGRST112` for what is not a status.
    static func status(_ text: String) throws(APIError) -> Int {
        guard let status = Int(text), (200...599).contains(status) else {
            throw APIError(500, "PGRST112", "response.status GUC must be a valid status code")
        }
        return status
    }

    /// `[{"name": "value"}, …]`
    ///
    /// - Throws: 500 `PGRST111` for another form.
    static func headers(_ text: String) throws(APIError) -> [APIError.Header] {
        let refusal = APIError(
            500, "PGRST111", "response.headers GUC must be a JSON array composed of objects with a single key and a string value")
        guard let elements = (try? JSONValue(parsing: text))?.arrayValue, elements.count <= maximumHeaders else { throw refusal }
        var found: [APIError.Header] = []
        for element in elements {
            guard let object = element.objectValue, object.count == 1, let headers = headers(element) else { throw refusal }
            found += headers
        }
        return found
    }

    private static func object(_ text: String) -> JSONObject? {
        (try? JSONValue(parsing: text))?.objectValue
    }

    /// Nil for what cannot stand in a header.
    private static func headers(_ value: JSONValue) -> [APIError.Header]? {
        guard let members = value.objectValue?.members, members.count <= maximumHeaders else { return nil }
        var headers: [APIError.Header] = []
        for (name, value) in members {
            guard let text = value.stringValue, isToken(name), isFieldValue(text), !isReserved(name) else { return nil }
            headers.append(APIError.Header(name: name, value: text))
        }
        return headers
    }

    /// RFC 9110 §5.6.2
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// RFC 9110 §5.5, without bytes beyond ASCII.
    private static func isFieldValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
    }

    /// What frames the message, tells of the connection and the server, or tells browsers how far to trust the answer: not a function's
    /// to say. As in `sallyport.response_headers()`, which refuses them before anything is kept.
    static func isReserved(_ name: String) -> Bool {
        let name = name.lowercased()
        return reserved.contains(name) || name.hasPrefix("access-control-") || name.hasPrefix("cross-origin-") || name.hasPrefix("proxy-")
    }

    private static let reserved: Set<String> = [
        "connection", "content-length", "content-encoding", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade",
        "www-authenticate", "x-request-id", "strict-transport-security", "x-content-type-options", "x-frame-options",
    ]
}

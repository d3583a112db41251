import HTTPTypes
import JSON
import OAuth
import Postgres

/// What a function may know of its request, in the settings that PostgREST has for it. Only calls have them: each costs time.
///
/// `request.method`, `request.path`, `request.headers` (one JSON object, names in lower case, credentials left out) and
/// `request.jwt.claims` (the token's payload).
enum CallSettings {
    /// Headers that are credentials.
    private static let secrets: Set<String> = ["authorization", "proxy-authorization", "cookie"]

    /// The caller's own settings, and these.
    static func make(_ request: HTTPRequest, path: String, caller: Caller, isReadOnly: Bool) -> TransactionSettings {
        var settings = caller.settings.settings
        // From here on the transaction cannot be made to write again.
        if isReadOnly { settings.append((name: "transaction_read_only", value: "on")) }
        settings += [
            (name: "request.method", value: request.method.rawValue),
            (name: "request.path", value: path),
            (name: "request.headers", value: headers(request.headerFields)),
            (name: "request.jwt.claims", value: String(decoding: AccessTokenCodec.payload(caller.claims), as: UTF8.self)),
            // What a function set for its whole session by mistake must not become another caller's answer.
            (name: "response.status", value: ""), (name: "response.headers", value: ""),
        ]
        return TransactionSettings(settings)
    }

    /// A field that is repeated has its values joined (RFC 9110 §5.3).
    private static func headers(_ fields: HTTPFields) -> String {
        var values: [(name: String, value: String)] = []
        for field in fields where !secrets.contains(field.name.canonicalName) {
            if let index = values.firstIndex(where: { $0.name == field.name.canonicalName }) {
                values[index].value += ", " + field.value
            } else {
                values.append((field.name.canonicalName, field.value))
            }
        }
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        for (name, value) in values { json.field(name, value) }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

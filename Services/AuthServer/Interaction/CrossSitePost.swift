import HTTPTypes
import Hummingbird

/// Forms that another site posts here (OpenID Connect Core §3.1.2.1): browsers leave out cookies that are `SameSite=Lax`, and send them when
/// they are redirected to the same with GET.
enum CrossSitePost {
    private static let longestQuery = 4096

    /// - Returns: nil where the form does not fit into a URL. No cookie is set: those that were left out must not be replaced.
    /// - Parameter path: of this endpoint; not as it was sent, which could begin with two slashes.
    static func asGet(_ form: [UInt8], at path: String) -> Response? {
        guard !form.isEmpty, form.count <= longestQuery, form.allSatisfy(isQuery) else { return nil }
        return Response(
            status: .seeOther,
            headers: [
                .location: path + "?" + String(decoding: form, as: UTF8.self), .cacheControl: "no-store",
                .referrerPolicy: "no-referrer",
            ]
        )
    }

    /// What may stand in a URL and a header line as it is (RFC 3986 §3.4).
    private static func isQuery(_ byte: UInt8) -> Bool {
        (0x21...0x7e).contains(byte) && !"#\"<>\\^`{|}".utf8.contains(byte)
    }
}

import HTTPTypes
import ServiceKit

/// The headers of every page. Pages carry tokens of forms and names of people: they are neither stored, nor framed, nor named to other sites.
enum PageHeaders {
    static func set(_ headers: inout HTTPFields, policy: ContentPolicy) {
        headers[.contentType] = "text/html; charset=utf-8"
        headers[.cacheControl] = "no-store"
        headers[.contentSecurityPolicy] = policy.description
        headers[.frameOptions] = "DENY"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.referrerPolicy] = "no-referrer"
        headers[.resourcePolicy] = "same-origin"
        headers[.permissionsPolicy] = permissions
    }

    /// Pages use no device and no measurement of the browser.
    private static let permissions = [
        "accelerometer", "camera", "display-capture", "fullscreen", "geolocation", "gyroscope", "magnetometer", "microphone", "midi",
        "payment",
        "screen-wake-lock", "usb", "xr-spatial-tracking",
    ].map { "\($0)=()" }.joined(separator: ", ")
}

extension HTTPField.Name {
    fileprivate static let frameOptions = pageHeader("X-Frame-Options")
    fileprivate static let referrerPolicy = pageHeader("Referrer-Policy")
    fileprivate static let resourcePolicy = pageHeader("Cross-Origin-Resource-Policy")
    fileprivate static let permissionsPolicy = pageHeader("Permissions-Policy")

    /// For names written in source, which are valid field names.
    private static func pageHeader(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is not a header field name") }
        return name
    }
}

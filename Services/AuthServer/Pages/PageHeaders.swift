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
    fileprivate static let frameOptions = literal("X-Frame-Options")
    static let referrerPolicy = literal("Referrer-Policy")
    fileprivate static let resourcePolicy = literal("Cross-Origin-Resource-Policy")
    fileprivate static let permissionsPolicy = literal("Permissions-Policy")
}

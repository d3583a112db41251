public import HTTPTypes

extension HTTPField.Name {
    public static let requestID = literal("X-Request-ID")
    public static let forwardedFor = literal("X-Forwarded-For")
    public static let forwardedHost = literal("X-Forwarded-Host")
    public static let tenantID = literal("X-Tenant-ID")

    /// A name written in source, made once.
    /// - Parameter name: a token of RFC 9110 §5.6.2; anything else is a mistake of the program and ends it.
    public static func literal(_ name: StaticString) -> HTTPField.Name {
        guard let field = HTTPField.Name(name.description) else { preconditionFailure("\(name) is not a header field name") }
        return field
    }
}

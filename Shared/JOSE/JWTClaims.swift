public import JSON

/// The claims of a JWT (RFC 7519 §4), registered ones checked for their types. Knows no clock.
public struct JWTClaims: Sendable {
    /// All claims.
    public let members: JSONObject
    /// `iss`
    public let issuer: String?
    /// `sub`
    public let subject: String?
    /// `aud`; one string counts as an array of one. Empty if absent.
    public let audience: [String]
    /// `exp`, seconds since 1970, fractions rounded down.
    public let expiresAt: Int64?
    /// `nbf`, seconds since 1970, fractions rounded up.
    public let notBefore: Int64?
    /// `iat`, seconds since 1970, fractions rounded down.
    public let issuedAt: Int64?
    /// `jti`
    public let tokenID: String?

    /// - Parameter payload: of a JWS whose signature was good.
    /// - Throws: `.notAnObject`, `.duplicateMember`, or `.malformed` for what is not JSON or a registered claim of the wrong type.
    public init(payload: [UInt8]) throws(JOSEError) {
        try self.init(members: parseObject(payload.span, maximumBytes: payload.count))
    }

    /// - Throws: `.malformed` for a registered claim of the wrong type.
    public init(members: JSONObject) throws(JOSEError) {
        self.members = members
        issuer = try Self.string("iss", in: members)
        subject = try Self.string("sub", in: members)
        tokenID = try Self.string("jti", in: members)
        audience = try Self.audience(in: members)
        expiresAt = try Self.seconds("exp", in: members, .down)
        notBefore = try Self.seconds("nbf", in: members, .up)
        issuedAt = try Self.seconds("iat", in: members, .down)
    }

    public subscript(name: String) -> JSONValue? { members[name] }

    /// Checks the claims that say where and when the token holds (RFC 7519 §4.1).
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - leeway: seconds that the issuer's clock may differ.
    ///   - issuer: must be `iss`, byte for byte.
    ///   - audience: must be among `aud`, byte for byte; `nil` leaves `aud` to the caller.
    /// - Throws: `.missingClaim` (`exp` is required), `.wrongIssuer`, `.wrongAudience`, `.expired`, `.notYetValid`.
    public func validate(now: Int64, leeway: Int64 = 0, issuer: String, audience: String?) throws(JOSEError) {
        guard let claimed = self.issuer else { throw .missingClaim("iss") }
        guard claimed.isIdenticalBytes(issuer) else { throw .wrongIssuer }
        if let audience {
            guard !self.audience.isEmpty else { throw .missingClaim("aud") }
            guard self.audience.contains(where: { $0.isIdenticalBytes(audience) }) else { throw .wrongAudience }
        }
        try validateTime(now: now, leeway: leeway)
    }

    /// The part of `validate` that the clock decides: valid from `nbf` on and until just before `exp`.
    public func validateTime(now: Int64, leeway: Int64 = 0) throws(JOSEError) {
        guard let expiresAt else { throw .missingClaim("exp") }
        guard Self.saturatingSum(expiresAt, leeway) > now else { throw .expired }
        if let notBefore, notBefore > Self.saturatingSum(now, leeway) { throw .notYetValid }
    }

    private static func saturatingSum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? (b < 0 ? .min : .max) : sum
    }

    private static func string(_ name: String, in members: JSONObject) throws(JOSEError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.stringValue else { throw .malformed("claim \(name) is not a string") }
        return text
    }

    private static func audience(in members: JSONObject) throws(JOSEError) -> [String] {
        switch members["aud"] {
        case nil: return []
        case .string(let audience)?: return [audience]
        case .array(let elements)?:
            let audiences = elements.compactMap(\.stringValue)
            guard audiences.count == elements.count else { throw .malformed("claim aud is not made of strings") }
            return audiences
        default: throw .malformed("claim aud is neither a string nor an array")
        }
    }

    private static func seconds(_ name: String, in members: JSONObject, _ rounding: FloatingPointRoundingRule) throws(JOSEError) -> Int64? {
        switch members[name] {
        case nil: return nil
        case .integer(let seconds)?: return seconds
        case .number(let number)?:
            guard let seconds = Int64(exactly: number.rounded(rounding)) else { throw .malformed("claim \(name) is out of range") }
            return seconds
        default: throw .malformed("claim \(name) is not a number")
        }
    }
}

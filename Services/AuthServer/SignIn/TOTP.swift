import Cryptography

/// Time-based one-time passwords (RFC 6238) as authenticator apps make them: HMAC-SHA-1, 30 seconds, 6 digits.
struct TOTP: Sendable {
    static let secretBytes = 20
    static let periodSeconds: Int64 = 30
    static let digits = 6
    /// How many steps early or late a code may be: clocks differ, and people type slowly (§5.2).
    static let tolerance: Int64 = 1

    let secret: [UInt8]

    /// The step that a code belongs to, among those near `now` (seconds since 1970).
    func step(of code: String, now: Int64) throws(CryptoError) -> Int64? {
        let presented = Array(code.utf8)
        let current = now / Self.periodSeconds
        var found: Int64?
        for step in current - Self.tolerance...current + Self.tolerance
        where constantTimeEqual(Array(try self.code(step: step).utf8), presented) {
            found = step
        }
        return found
    }

    /// RFC 4226 §5.3, with the time step as the counter.
    /// - Parameter digits: how many decimal digits; RFC 6238's vectors have 8.
    func code(step: Int64, digits: Int = TOTP.digits) throws(CryptoError) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * $0)) }
        let tag = try HMACSHA1.authenticate(counter, key: secret)
        let offset = Int(tag[19] & 15)
        let value =
            UInt32(tag[offset] & 0x7f) << 24 | UInt32(tag[offset + 1]) << 16 | UInt32(tag[offset + 2]) << 8 | UInt32(tag[offset + 3])
        let modulus = (0..<digits).reduce(UInt64(1)) { product, _ in product * 10 }
        let text = String(UInt64(value) % modulus)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }
}

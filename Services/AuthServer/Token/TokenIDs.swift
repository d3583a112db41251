import Cryptography
import JOSE
import Synchronization

/// Values for `jti` (RFC 7519 §4.1.7): 128 random bits each, drawn from the generator many at a time, as each draw has a price of its own.
final class TokenIDs: Sendable {
    private static let byteCount = 16

    private struct Supply {
        var bytes: [UInt8] = []
        var used = 0
    }

    private let supply = Mutex(Supply())

    /// 22 characters of base64url; none is given out twice.
    func next() -> String {
        let bytes = supply.withLock { supply in
            if supply.used == supply.bytes.count { supply = Supply(bytes: SecureRandom.bytes(64 * Self.byteCount)) }
            defer { supply.used += Self.byteCount }
            return Array(supply.bytes[supply.used..<supply.used + Self.byteCount])
        }
        return Base64URL.encode(bytes)
    }
}

import Cryptography
import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit

/// The name that a client gives to one effect, so that a retry has it once (draft-ietf-httpapi-idempotency-key-header).
struct IdempotencyKey: Sendable {
    static let maximumBytes = 255

    /// SHA-256 of the key as it was sent.
    let hash: [UInt8]
    /// SHA-256 of everything in the request that its effect and answer depend on.
    let fingerprint: [UInt8]
    /// For who holds the key while the request runs: of tenant, subject and key.
    let lock: Int64

    /// - Returns: nil without `Idempotency-Key`.
    /// - Throws: 400 `PGRST100` for more than one, an empty or a long one.
    init?(_ request: Request, body: [UInt8]?, _ caller: Caller) throws(APIError) {
        let keys = request.headers[values: .idempotencyKey]
        guard !keys.isEmpty else { return nil }
        var parts = [request.method.rawValue, request.uri.path, request.uri.query ?? ""].map { Array($0.utf8) }
        let headers: [HTTPField.Name] = [.contentType, .contentProfile, .accept, .prefer, .ifMatch, .ifNoneMatch]
        parts += headers.map { Array(request.headers[values: $0].joined(separator: ",").utf8) }
        parts.append(body ?? [])
        try self.init(keys, parts: parts, caller)
    }

    /// - Parameter parts: what tells the request from others.
    /// - Throws: 400 `PGRST100` unless there is one key, not empty and not long.
    init(_ keys: [String], parts: [[UInt8]], _ caller: Caller) throws(APIError) {
        guard keys.count == 1, !keys[0].isEmpty, keys[0].utf8.count <= Self.maximumBytes else {
            throw APIError(400, "PGRST100", "Idempotency-Key must be one value of 1 to \(Self.maximumBytes) bytes")
        }
        hash = SHA256.hash(keys[0])
        fingerprint = Self.digest(parts)
        let holder = Self.digest([Array("\(caller.claims.tenantID)".utf8), Array(caller.claims.subject.utf8), hash])
        lock = holder.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// Each part preceded by its length, so that no two lists of parts read alike.
    private static func digest(_ parts: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + $1.count + 8 })
        for part in parts {
            bytes += Array("\(part.count):".utf8)
            bytes += part
        }
        return SHA256.hash(bytes)
    }
}

extension HTTPField.Name {
    static let idempotencyKey = literal("Idempotency-Key")
}

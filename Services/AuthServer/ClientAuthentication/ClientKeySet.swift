import JOSE
import JSON

/// A client's public keys (RFC 7591 §2, `jwks`): those of a JWK Set that may check signatures.
struct ClientKeySet: Sendable {
    static let maximumKeys = 100

    private let keys: [JWK]

    /// Passes over what is of no use, as RFC 7517 §5 asks; a key whose private half is published is none.
    init(_ set: JWKSet) {
        keys = set.keys.filter { Self.objection(to: $0) == nil }
    }

    /// Reads a set that is to be registered: nothing is passed over.
    ///
    /// - Throws: ``ClientKeyError`` that names the key.
    init(registering bytes: [UInt8]) throws {
        let elements: [JSONValue]
        do {
            guard let found = try JSONValue(parsing: bytes).objectValue?["keys"]?.arrayValue else {
                throw ClientKeyError("a JWK Set is an object with an array named keys")
            }
            elements = found
        } catch let error as JSONError {
            throw ClientKeyError("not JSON: \(error)")
        }
        guard (1...Self.maximumKeys).contains(elements.count) else { throw ClientKeyError("give 1 to \(Self.maximumKeys) keys") }
        keys = try elements.enumerated().map { number, element in try Self.key(element, number + 1) }
        let names = keys.compactMap { $0.keyID.map { ExactString($0) } }
        guard Set(names).count == names.count else { throw ClientKeyError("two keys have the same kid") }
        guard keys.count == 1 || names.count == keys.count else { throw ClientKeyError("of several keys each needs a kid") }
    }

    private static func key(_ element: JSONValue, _ number: Int) throws -> JWK {
        guard let object = element.objectValue else { throw ClientKeyError("key \(number) is not an object") }
        let key: JWK
        do throws(JOSEError) {
            key = try JWK(json: object)
        } catch {
            throw ClientKeyError("key \(number): \(error)")
        }
        if let objection = objection(to: key) { throw ClientKeyError("key \(number) \(objection)") }
        return key
    }

    private static func objection(to key: JWK) -> String? {
        switch key.material {
        case .privateKey: "is private: register its public half only"
        case .secret: "is a shared secret: register public keys only"
        case .publicKey: key.permitsVerification ? nil : "is not meant for signatures (use, key_ops)"
        }
    }

    /// The key of this `kid`; without one, the only key there is.
    ///
    /// - Parameter algorithm: must be the key's; of an RSA key that names none, any that RSA serves.
    func key(_ keyID: String?, for algorithm: JWSAlgorithm) -> JWSVerificationKey? {
        guard algorithm.isAsymmetric else { return nil }
        let named = keyID.map { keyID in keys.filter { $0.keyID?.isIdenticalBytes(keyID) ?? false } } ?? keys
        guard named.count == 1 else { return nil }
        return try? JWSVerificationKey(named[0], algorithm: algorithm)
    }
}

/// Why keys cannot be registered; may be printed.
struct ClientKeyError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

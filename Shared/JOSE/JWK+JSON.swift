internal import Cryptography
public import JSON

extension JWK {
    /// The public half with `kid`, `use`, `alg` and `key_ops` as far as known; `nil` for a shared secret, which has none.
    public var publicJSON: JSONObject? {
        guard let publicKey else { return nil }
        var object = JSONObject(publicMembers(of: publicKey.components).map { ($0.0, .string($0.1)) })
        addAttributes(to: &object, operations: operations.map { _ in ["verify"] })
        return object
    }

    /// All of the key, secret parts included.
    ///
    /// - Throws: `.keyNotPermitted` for a public key.
    public var privateJSON: JSONObject {
        get throws(JOSEError) {
            var object: JSONObject
            switch material {
            case .publicKey: throw .keyNotPermitted
            case .secret(let secret): object = ["kty": "oct", "k": .string(Base64URL.encode(secret.bytes))]
            case .privateKey(let key):
                object = JSONObject(publicMembers(of: key.publicKey.components).map { ($0.0, .string($0.1)) })
                let components = try crypto { () throws(CryptoError) in try key.components }
                for (name, bytes) in privateMembers(of: components) { object[name] = .string(Base64URL.encode(bytes)) }
            }
            addAttributes(to: &object, operations: operations)
            return object
        }
    }

    /// The base64url of the SHA-256 of the key's required members in canonical form (RFC 7638 §3; RFC 8037 §2 for Ed25519). The same
    /// for both halves of a key pair; of a shared secret it is secret too, as it can be used to confirm a guess.
    public var thumbprint: String {
        var writer = JSONWriter(reserving: 512)
        writer.beginObject()
        for (name, value) in thumbprintMembers().sorted(by: { $0.0 < $1.0 }) { writer.field(name, value) }
        writer.endObject()
        return Base64URL.encode(SHA256.hash(writer.bytes))
    }

    private func thumbprintMembers() -> [(String, String)] {
        switch material {
        case .publicKey(let key): publicMembers(of: key.components)
        case .privateKey(let key): publicMembers(of: key.publicKey.components)
        case .secret(let secret): [("k", Base64URL.encode(secret.bytes)), ("kty", "oct")]
        }
    }

    private func publicMembers(of components: PublicKeyComponents) -> [(String, String)] {
        switch components {
        case .rsa(let modulus, let exponent):
            [("kty", "RSA"), ("n", Base64URL.encode(modulus)), ("e", Base64URL.encode(exponent))]
        case .elliptic(let curve, let x, let y):
            [("kty", "EC"), ("crv", curve.rawValue), ("x", Base64URL.encode(x)), ("y", Base64URL.encode(y))]
        case .ed25519(let bytes):
            [("kty", "OKP"), ("crv", "Ed25519"), ("x", Base64URL.encode(bytes))]
        }
    }

    private func privateMembers(of components: PrivateKeyComponents) -> [(String, [UInt8])] {
        switch components {
        case .rsa(let rsa):
            [
                ("d", rsa.privateExponent), ("p", rsa.primeP), ("q", rsa.primeQ), ("dp", rsa.exponentP), ("dq", rsa.exponentQ),
                ("qi", rsa.coefficient),
            ]
        case .elliptic(_, _, _, let d): [("d", d)]
        case .ed25519(_, let seed): [("d", seed)]
        }
    }

    private func addAttributes(to object: inout JSONObject, operations: [String]?) {
        object["kid"] = keyID.map { .string($0) }
        object["use"] = use.map { .string($0) }
        object["alg"] = algorithm.map { .string($0.rawValue) }
        object["key_ops"] = operations.map { .array($0.map { .string($0) }) }
    }
}

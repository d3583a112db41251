internal import Cryptography
internal import JSON

/// Reads the members of a JWK, strictly typed.
struct JWKMembers {
    let object: JSONObject

    init(_ object: JSONObject) {
        self.object = object
    }

    func material() throws(JOSEError) -> JWK.Material {
        guard let type = try string("kty") else { throw .malformed("the JWK has no kty") }
        switch type {
        case "RSA": return try rsa()
        case "EC": return try elliptic()
        case "OKP": return try octetKeyPair()
        case "oct":
            guard let secret = try bytes("k"), !secret.isEmpty else { throw .malformed("the JWK has no k") }
            return .secret(SecretBytes(secret))
        default: throw .unsupportedAlgorithm("kty \(type)")
        }
    }

    private func rsa() throws(JOSEError) -> JWK.Material {
        let modulus = try required("n")
        let exponent = try required("e")
        guard let privateExponent = try bytes("d") else {
            return .publicKey(try crypto { () throws(CryptoError) in try PublicKey(rsaModulus: modulus, exponent: exponent) })
        }
        guard object["oth"] == nil else { throw .crypto(.invalidKey("RSA keys of more than two primes are not supported")) }
        let components = RSAPrivateComponents(
            modulus: modulus, publicExponent: exponent, privateExponent: privateExponent, primeP: try required("p"),
            primeQ: try required("q"), exponentP: try required("dp"), exponentQ: try required("dq"), coefficient: try required("qi"))
        return .privateKey(try crypto { () throws(CryptoError) in try PrivateKey(.rsa(components)) })
    }

    private func elliptic() throws(JOSEError) -> JWK.Material {
        guard let name = try string("crv") else { throw .malformed("the JWK has no crv") }
        guard let curve = EllipticCurve(rawValue: name) else { throw .unsupportedAlgorithm("crv \(name)") }
        let x = try required("x")
        let y = try required("y")
        guard let d = try bytes("d") else {
            return .publicKey(try crypto { () throws(CryptoError) in try PublicKey(curve: curve, x: x, y: y) })
        }
        return .privateKey(try crypto { () throws(CryptoError) in try PrivateKey(.elliptic(curve, x: x, y: y, d: d)) })
    }

    private func octetKeyPair() throws(JOSEError) -> JWK.Material {
        guard let name = try string("crv") else { throw .malformed("the JWK has no crv") }
        guard name == "Ed25519" else { throw .unsupportedAlgorithm("crv \(name)") }
        let x = try required("x")
        guard let d = try bytes("d") else {
            return .publicKey(try crypto { () throws(CryptoError) in try PublicKey(ed25519: x) })
        }
        return .privateKey(try crypto { () throws(CryptoError) in try PrivateKey(.ed25519(publicKey: x, seed: d)) })
    }

    func string(_ name: String) throws(JOSEError) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.stringValue else { throw .malformed("\(name) in the JWK is not a string") }
        return text
    }

    func strings(_ name: String) throws(JOSEError) -> [String]? {
        guard let value = object[name] else { return nil }
        guard let elements = value.arrayValue else { throw .malformed("\(name) in the JWK is not an array") }
        let texts = elements.compactMap(\.stringValue)
        guard texts.count == elements.count, Set(texts).count == texts.count else {
            throw .malformed("\(name) in the JWK is not an array of different strings")
        }
        return texts
    }

    private func bytes(_ name: String) throws(JOSEError) -> [UInt8]? {
        guard let text = try string(name) else { return nil }
        return try Base64URL.decode(text)
    }

    private func required(_ name: String) throws(JOSEError) -> [UInt8] {
        guard let bytes = try bytes(name), !bytes.isEmpty else { throw .malformed("the JWK has no \(name)") }
        return bytes
    }
}

/// Parses JSON that must be an object, in the errors of this module.
func parseObject(_ bytes: Span<UInt8>, maximumBytes: Int) throws(JOSEError) -> JSONObject {
    guard bytes.count <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
    let value: JSONValue
    do throws(JSONError) {
        value = try JSONValue(parsing: bytes)
    } catch {
        throw error.kind == .duplicateMember ? .duplicateMember : .malformed("not JSON: \(error)")
    }
    guard case .object(let object) = value else { throw .notAnObject }
    return object
}

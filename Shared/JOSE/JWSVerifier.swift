internal import JSON

/// A token whose signature was good.
public struct VerifiedJWS: Sendable {
    public let header: JWSHeader
    public let payload: [UInt8]
    public let key: JWSVerificationKey
}

/// Checks compact tokens: form, size, type, key, algorithm and signature, in this order.
public struct JWSVerifier: Sendable {
    public let expectedTypes: Set<String>
    public let maximumBytes: Int

    /// - Parameters:
    ///   - expectedTypes: accepted values of `typ`, compared as media types; the empty string admits a token without `typ`.
    ///   - maximumBytes: of the whole token.
    public init(expectedTypes: Set<String>, maximumBytes: Int = JWS.defaultMaximumBytes) {
        self.expectedTypes = expectedTypes
        self.maximumBytes = maximumBytes
    }

    /// - Parameter findKey: the key for the token's `kid`, or `nil`. The header is not verified yet.
    /// - Throws: what `JWS` throws, `.wrongType`, `.unknownKey`.
    public func verify(compact: [UInt8], findKey: (_ keyID: String?) throws(JOSEError) -> JWSVerificationKey?) throws(JOSEError)
        -> VerifiedJWS
    {
        let jws = try JWS(compact: compact, maximumBytes: maximumBytes)
        guard jws.header.hasType(among: expectedTypes) else { throw .wrongType(jws.header.type) }
        guard let key = try findKey(jws.header.keyID) else { throw .unknownKey(jws.header.keyID) }
        return VerifiedJWS(header: jws.header, payload: try jws.payload(verifiedWith: key), key: key)
    }

    public func verify(compact: String, findKey: (_ keyID: String?) throws(JOSEError) -> JWSVerificationKey?) throws(JOSEError)
        -> VerifiedJWS
    {
        guard compact.utf8.count <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
        return try verify(compact: Array(compact.utf8), findKey: findKey)
    }

    public func verify(compact: [UInt8], keys: JWSVerificationKeys) throws(JOSEError) -> VerifiedJWS {
        try verify(compact: compact) { (keyID) throws(JOSEError) in keys[keyID] }
    }

    public func verify(compact: String, keys: JWSVerificationKeys) throws(JOSEError) -> VerifiedJWS {
        try verify(compact: compact) { (keyID) throws(JOSEError) in keys[keyID] }
    }
}

/// Keys by `kid`, ready to verify.
public struct JWSVerificationKeys: Sendable {
    public let keys: [JWSVerificationKey]

    public init(_ keys: [JWSVerificationKey]) {
        self.keys = keys
    }

    /// The keys of a set that can and may check signatures; the others are left out.
    ///
    /// - Parameter algorithm: for keys without `alg` that could serve several; a key that names another algorithm is left out.
    public init(_ set: JWKSet, algorithm: JWSAlgorithm? = nil) {
        keys = set.keys.compactMap { try? JWSVerificationKey($0, algorithm: algorithm) }
    }

    /// The key of this `kid`; without one, the only key there is.
    public subscript(keyID: String?) -> JWSVerificationKey? {
        guard let keyID else { return keys.count == 1 ? keys[0] : nil }
        return keys.first { $0.keyID?.isIdenticalBytes(keyID) ?? false }
    }
}

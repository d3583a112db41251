public import JSON

/// A JWK Set (RFC 7517 §5).
public struct JWKSet: Sendable {
    public let keys: [JWK]

    /// How many members of `keys` the parser passed over because it could not use them.
    public let skippedCount: Int

    public init(_ keys: [JWK]) {
        self.keys = keys
        skippedCount = 0
    }

    /// Parses a set. Keys of unknown `kty`, `crv` or `alg`, with missing or invalid members, or too weak are skipped (§5).
    ///
    /// - Parameters:
    ///   - maximumBytes: longer texts are refused before they are parsed.
    ///   - maximumKeys: further keys are refused, as reading each of them takes time.
    /// - Throws: `.tooLarge`, `.notAnObject`, `.duplicateMember`, or `.malformed` if there is no array `keys`.
    public init(parsing bytes: [UInt8], maximumBytes: Int = 262_144, maximumKeys: Int = 100) throws(JOSEError) {
        try self.init(json: parseObject(bytes.span, maximumBytes: maximumBytes), maximumKeys: maximumKeys)
    }

    /// As above, from JSON that is parsed already.
    public init(json object: JSONObject, maximumKeys: Int = 100) throws(JOSEError) {
        guard let elements = object["keys"]?.arrayValue else { throw .malformed("a JWK set needs an array named keys") }
        guard elements.count <= maximumKeys else { throw .malformed("a JWK set of more than \(maximumKeys) keys") }
        keys = elements.compactMap { element in
            guard let object = element.objectValue else { return nil }
            return try? JWK(json: object)
        }
        skippedCount = elements.count - keys.count
    }

    /// The first key of this `kid` that may check signatures, else the first of this `kid`.
    public subscript(keyID keyID: String) -> JWK? {
        var other: JWK?
        for key in keys {
            guard let candidate = key.keyID, candidate.isIdenticalBytes(keyID) else { continue }
            if key.permitsVerification { return key }
            if other == nil { other = key }
        }
        return other
    }

    /// The set as JSON text: public halves only; shared secrets are left out.
    public func serialized() -> [UInt8] {
        var writer = JSONWriter(reserving: 512 * max(keys.count, 1))
        writer.beginObject()
        writer.name("keys")
        writer.beginArray()
        for key in keys {
            if let json = key.publicJSON { writer.value(.object(json)) }
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}

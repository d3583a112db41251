/// Base64 with the URL-safe alphabet and without padding (RFC 4648 §5, RFC 7515 §2). Exactly one text stands for each sequence of bytes.
public enum Base64URL {
    /// Length of the encoding of so many bytes.
    public static func encodedCount(_ count: Int) -> Int {
        count / 3 * 4 + (count % 3 == 0 ? 0 : count % 3 + 1)
    }

    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: encodedCount(bytes.count)) { output in
            encode(bytes.span, into: output)
        }
    }

    public static func encode(_ bytes: [UInt8], into output: inout [UInt8]) {
        let count = encodedCount(bytes.count)
        output.append(
            contentsOf: [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = encode(bytes.span, into: buffer)
            })
    }

    /// Strict: no padding, whitespace or other alphabet, no length that cannot be, and unused trailing bits must be zero.
    public static func decode(_ text: String) throws(JOSEError) -> [UInt8] {
        try decode(Array(text.utf8).span)
    }

    public static func decode(_ text: [UInt8]) throws(JOSEError) -> [UInt8] {
        try decode(text.span)
    }

    public static func decode(_ text: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        let rest = text.count % 4
        guard rest != 1 else { throw .malformed("not base64url: impossible length") }
        var isValid = true
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + (rest == 0 ? 0 : rest - 1)) { output, count in
            isValid = decodeTable.withUnsafeBufferPointer { decode(text, into: output, table: $0) }
            count = isValid ? output.count : 0
        }
        guard isValid else { throw .malformed("not base64url") }
        return bytes
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let invalid: UInt8 = 0xFF
    private static let decodeTable: [UInt8] = {
        var table = [UInt8](repeating: invalid, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    /// - Parameter output: room for `encodedCount` bytes.
    /// - Returns: how many bytes were written.
    @discardableResult
    static func encode(_ bytes: Span<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let needed = encodedCount(bytes.count)
        precondition(output.count >= needed, "no room for the encoding")
        alphabet.withUnsafeBufferPointer { alphabet in
            var written = 0
            var read = 0
            while bytes.count - read >= 3 {
                let group = UInt32(bytes[read]) << 16 | UInt32(bytes[read + 1]) << 8 | UInt32(bytes[read + 2])
                output[written] = alphabet[Int(group >> 18)]
                output[written + 1] = alphabet[Int(group >> 12 & 63)]
                output[written + 2] = alphabet[Int(group >> 6 & 63)]
                output[written + 3] = alphabet[Int(group & 63)]
                read += 3
                written += 4
            }
            switch bytes.count - read {
            case 1:
                output[written] = alphabet[Int(bytes[read] >> 2)]
                output[written + 1] = alphabet[Int(bytes[read] & 3) << 4]
            case 2:
                let group = UInt32(bytes[read]) << 8 | UInt32(bytes[read + 1])
                output[written] = alphabet[Int(group >> 10)]
                output[written + 1] = alphabet[Int(group >> 4 & 63)]
                output[written + 2] = alphabet[Int(group & 15) << 2]
            default: break
            }
        }
        return needed
    }

    private static func decode(_ text: Span<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>, table: UnsafeBufferPointer<UInt8>)
        -> Bool
    {
        var read = 0
        var written = 0
        // Every value has six bits, so the two highest tell whether any character was invalid.
        var seen: UInt8 = 0
        while text.count - read >= 4 {
            let (a, b) = (table[Int(text[read])], table[Int(text[read + 1])])
            let (c, d) = (table[Int(text[read + 2])], table[Int(text[read + 3])])
            seen |= a | b | c | d
            output[written] = a << 2 | b >> 4
            output[written + 1] = b << 4 | c >> 2
            output[written + 2] = c << 6 | d
            read += 4
            written += 3
        }
        if text.count - read >= 2 {
            let (a, b) = (table[Int(text[read])], table[Int(text[read + 1])])
            seen |= a | b
            output[written] = a << 2 | b >> 4
            if text.count - read == 2 { return seen < 64 && b & 15 == 0 }
            let c = table[Int(text[read + 2])]
            seen |= c
            output[written + 1] = b << 4 | c >> 2
            return seen < 64 && c & 3 == 0
        }
        return seen < 64
    }
}

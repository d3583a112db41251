/// The two written forms of an ECDSA signature: DER (RFC 3279 §2.2.3), which libcrypto speaks, and r‖s (RFC 7518 §3.4), which JOSE does.
enum ECDSASignature {
    /// Longest DER form of all curves (P-521).
    static let maximumDERBytes = 144

    /// - Returns: r‖s, each padded to `half` bytes; `nil` if the bytes are not such a signature.
    static func raw(der: UnsafeRawBufferPointer, half: Int) -> [UInt8]? {
        var reader = DERReader(bytes: der)
        guard let length = reader.header(tag: 0x30), length == der.count - reader.position else { return nil }
        var raw = [UInt8](repeating: 0, count: 2 * half)
        for part in 0..<2 {
            guard var range = reader.integer() else { return nil }
            while range.count > half, der[range.lowerBound] == 0 { range.removeFirst() }
            guard range.count <= half else { return nil }
            let start = (part + 1) * half - range.count
            for (offset, index) in range.enumerated() { raw[start + offset] = der[index] }
        }
        return reader.position == der.count ? raw : nil
    }

    /// - Returns: the DER form; `nil` if the halves do not have exactly `half` bytes each or one of them is zero.
    static func der(raw: Span<UInt8>, half: Int) -> [UInt8]? {
        guard raw.count == 2 * half else { return nil }
        var body: [UInt8] = []
        body.reserveCapacity(maximumDERBytes)
        for part in 0..<2 {
            var start = part * half
            let end = start + half
            while start < end, raw[start] == 0 { start += 1 }
            guard start < end else { return nil }
            // A leading zero keeps the number positive.
            let needsZero = raw[start] >= 0x80
            body.append(0x02)
            body.append(UInt8(end - start + (needsZero ? 1 : 0)))
            if needsZero { body.append(0) }
            for index in start..<end { body.append(raw[index]) }
        }
        return (body.count < 0x80 ? [0x30, UInt8(body.count)] : [0x30, 0x81, UInt8(body.count)]) + body
    }
}

private struct DERReader {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    mutating func header(tag: UInt8) -> Int? {
        guard bytes.count - position >= 2, bytes[position] == tag else { return nil }
        let first = bytes[position + 1]
        position += 2
        if first < 0x80 { return Int(first) }
        guard first == 0x81, position < bytes.count, bytes[position] >= 0x80 else { return nil }
        position += 1
        return Int(bytes[position - 1])
    }

    mutating func integer() -> Range<Int>? {
        guard let length = header(tag: 0x02), length > 0, length <= bytes.count - position else { return nil }
        defer { position += length }
        return position..<(position + length)
    }
}

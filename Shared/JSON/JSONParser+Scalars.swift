extension JSONParser {
    private static let maximumNumberBytes = 512

    mutating func parseNumber(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = position
        var isInteger = true
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if try digit(bytes) == 0 {
            position += 1
        } else {
            skipDigits(bytes)
        }
        if peek(bytes) == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            _ = try digit(bytes)
            skipDigits(bytes)
        }
        if let exponent = peek(bytes), exponent | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if let sign = peek(bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            _ = try digit(bytes)
            skipDigits(bytes)
        }
        if let next = peek(bytes), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
            throw JSONError(.invalidNumber, offset: start)
        }
        guard position - start <= Self.maximumNumberBytes else { throw JSONError(.numberOutOfRange, offset: start) }
        if isInteger, let value = integer(bytes, start..<position) { return .integer(value) }
        return .number(try double(bytes, start..<position))
    }

    /// The digit at the position, which stays; an error if there is none.
    private func digit(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        let byte = try current(bytes)
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw JSONError(.invalidNumber, offset: position) }
        return byte - UInt8(ascii: "0")
    }

    private mutating func skipDigits(_ bytes: Span<UInt8>) {
        while let byte = peek(bytes), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    }

    private func peek(_ bytes: Span<UInt8>) -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// The digits of the range as a 64-bit integer, or `nil` if they do not fit.
    private func integer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in (range.lowerBound + (isNegative ? 1 : 0))..<range.upperBound {
            let digit = Int64(bytes[index] - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            // Built on the negative side, which reaches one further.
            let (difference, borrow) = product.subtractingReportingOverflow(digit)
            if overflow || borrow { return nil }
            value = difference
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    private func double(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(JSONError) -> Double {
        let text = bytes.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        guard let value = Double(text), value.isFinite else { throw JSONError(.numberOutOfRange, offset: range.lowerBound) }
        return value
    }

    mutating func parseString(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        position += 1
        let start = position
        var isASCII = true
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try string(bytes, start..<position, isASCII: isASCII)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try parseEscapedString(bytes, from: start) }
            if byte < 0x20 { throw JSONError(.controlCharacter, offset: position) }
            if byte >= 0x80 { isASCII = false }
            position += 1
        }
        throw JSONError(.unexpectedEnd, offset: bytes.count)
    }

    /// Goes on at the first backslash of a string that began at `start`.
    private mutating func parseEscapedString(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(position - start + 32)
        for index in start..<position { text.append(bytes[index]) }
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw JSONError(.invalidUTF8, offset: start) }
                position += 1
                return string
            case UInt8(ascii: "\\"):
                position += 1
                try parseEscape(bytes, into: &text)
            case 0..<0x20:
                throw JSONError(.controlCharacter, offset: position)
            default:
                text.append(byte)
                position += 1
            }
        }
        throw JSONError(.unexpectedEnd, offset: bytes.count)
    }

    private mutating func parseEscape(_ bytes: Span<UInt8>, into text: inout [UInt8]) throws(JSONError) {
        let byte = try current(bytes)
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            text.append(contentsOf: UTF8.encode(try parseUnicodeEscape(bytes)) ?? UTF8.encodedReplacementCharacter)
            return
        default: throw JSONError(.invalidEscape, offset: position)
        }
        position += 1
    }

    /// The scalar of the four digits at the position and, for a surrogate, of the escape that must follow.
    private mutating func parseUnicodeEscape(_ bytes: Span<UInt8>) throws(JSONError) -> Unicode.Scalar {
        let start = position
        let unit = try hexadecimalUnit(bytes)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit) else { throw JSONError(.loneSurrogate, offset: start) }
        guard peek(bytes) == UInt8(ascii: "\\") else { throw JSONError(.loneSurrogate, offset: start) }
        position += 1
        guard peek(bytes) == UInt8(ascii: "u") else { throw JSONError(.loneSurrogate, offset: start) }
        position += 1
        let trail = try hexadecimalUnit(bytes)
        guard UTF16.isTrailSurrogate(trail) else { throw JSONError(.loneSurrogate, offset: start) }
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    private mutating func hexadecimalUnit(_ bytes: Span<UInt8>) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            let byte = try current(bytes)
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONError(.invalidEscape, offset: position)
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    private func string(_ bytes: Span<UInt8>, _ range: Range<Int>, isASCII: Bool) throws(JSONError) -> String {
        let text = bytes.extracting(range).withUnsafeBufferPointer { buffer -> String? in
            isASCII ? String(decoding: buffer, as: UTF8.self) : String(validating: buffer, as: UTF8.self)
        }
        guard let text else { throw JSONError(.invalidUTF8, offset: range.lowerBound) }
        return text
    }
}

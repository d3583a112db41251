/// Where the parts of a JSON text lie, so that they can be passed on as they were written: a number read as a double is not the number.
///
/// The text is known to be JSON: it has been parsed.
struct JSONSlices {
    let bytes: [UInt8]

    /// The elements of an array, or the members of an object with name and value.
    func parts(of container: Range<Int>) -> [Range<Int>] {
        guard let open = container.first(where: { !isSpace($0) }), container.count > 1 else { return [] }
        var parts: [Range<Int>] = []
        var start = open + 1
        var depth = 0
        var position = start
        while position < container.upperBound {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position = end(ofString: position)
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth == 0 {
                    let last = trimmed(start..<position)
                    if !last.isEmpty { parts.append(last) }
                    return parts
                }
                depth -= 1
            case UInt8(ascii: ",") where depth == 0:
                parts.append(trimmed(start..<position))
                start = position + 1
            default:
                break
            }
            position += 1
        }
        return parts
    }

    /// The value of a member.
    func value(of member: Range<Int>) -> Range<Int> {
        var position = end(ofString: member.lowerBound)
        while position < member.upperBound, bytes[position] != UInt8(ascii: ":") { position += 1 }
        return trimmed(min(position + 1, member.upperBound)..<member.upperBound)
    }

    /// The position behind the closing quote.
    private func end(ofString start: Int) -> Int {
        var position = start + 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\""): return position + 1
            default: position += 1
            }
        }
        return bytes.count
    }

    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, isSpace(low) { low += 1 }
        while high > low, isSpace(high - 1) { high -= 1 }
        return low..<high
    }

    private func isSpace(_ position: Int) -> Bool {
        switch bytes[position] {
        case 0x20, 0x09, 0x0A, 0x0D: true
        default: false
        }
    }
}

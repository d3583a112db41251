import FoundationEssentials

/// `timestamptz` in binary: microseconds since 2000-01-01 00:00 UTC.
enum PostgresTimestamp {
    private static let epoch: Double = 946_684_800
    static let infinity = Int64.max
    static let negativeInfinity = Int64.min

    static func microseconds(_ date: Date) -> Int64 {
        // Whole seconds apart from the fraction: a Double of microseconds since 1970 has no room for both.
        let sinceReference = date.timeIntervalSinceReferenceDate
        let seconds = sinceReference.rounded(.down)
        let offset = Date.timeIntervalBetween1970AndReferenceDate - epoch
        guard let whole = Int64(exactly: seconds + offset), abs(whole) < 9_000_000_000_000 else {
            return sinceReference < 0 ? negativeInfinity : infinity
        }
        return whole * 1_000_000 + Int64(((sinceReference - seconds) * 1_000_000).rounded())
    }

    static func date(_ microseconds: Int64) -> Date {
        if microseconds == infinity { return .distantFuture }
        if microseconds == negativeInfinity { return .distantPast }
        let offset = Date.timeIntervalBetween1970AndReferenceDate - epoch
        let (seconds, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return Date(timeIntervalSinceReferenceDate: Double(seconds) - offset + Double(remainder) / 1_000_000)
    }
}

enum PostgresArray {
    /// The text form of a `text[]`: every element quoted.
    static func literal(_ elements: [String]) -> String {
        var literal = "{"
        for (index, element) in elements.enumerated() {
            if index > 0 { literal.append(",") }
            literal.append("\"")
            for scalar in element.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { literal.append("\\") }
                literal.unicodeScalars.append(scalar)
            }
            literal.append("\"")
        }
        literal.append("}")
        return literal
    }
}

enum PostgresIdentifier {
    /// `"name"`, with quotes in it doubled.
    static func quoted(_ identifier: String) -> String {
        var quoted = "\""
        for scalar in identifier.unicodeScalars {
            if scalar == "\"" { quoted.append("\"") }
            quoted.unicodeScalars.append(scalar)
        }
        quoted.append("\"")
        return quoted
    }
}

/// Finds the name that somebody may have meant.
enum Similarity {
    /// Longer names are not compared: the work grows with the square of the length.
    private static let maximumLength = 64
    /// A third of the bytes must be right.
    private static let threshold = 0.33

    /// The most similar candidate, the first one of several; nil if none is similar, or if one is the same.
    static func closest(to name: String, in candidates: [String]) -> String? {
        var best: (candidate: String, likeness: Double)?
        for candidate in candidates.prefix(1000) {
            let likeness = likeness(of: name, and: candidate)
            if likeness == 1 { return nil }
            if likeness > threshold, likeness > best?.likeness ?? 0 { best = (candidate, likeness) }
        }
        return best?.candidate
    }

    /// From 0 to 1: the share of bytes that stay when one is edited into the other; 0 where they have no two neighbouring bytes in common.
    static func likeness(of first: String, and second: String) -> Double {
        let (first, second) = (Array(first.lowercased().utf8), Array(second.lowercased().utf8))
        guard first != second else { return 1 }
        let longer = max(first.count, second.count)
        guard longer <= maximumLength, !pairs(first).isDisjoint(with: pairs(second)) else { return 0 }
        var row = Array(0...second.count)
        for (line, byte) in first.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in 1..<row.count {
                let substitution = diagonal + (byte == second[column - 1] ? 0 : 1)
                diagonal = row[column]
                row[column] = min(substitution, row[column] + 1, row[column - 1] + 1)
            }
        }
        return 1 - Double(row[second.count]) / Double(longer)
    }

    private static func pairs(_ bytes: [UInt8]) -> Set<[UInt8]> {
        Set(zip(bytes, bytes.dropFirst()).map { [$0, $1] })
    }
}

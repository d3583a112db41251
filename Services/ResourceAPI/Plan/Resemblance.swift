/// Which of the names that exist a mistyped one may have meant.
enum Resemblance {
    /// The most similar name, if it is similar at all; of equals the first.
    static func closest(to text: String, in names: some Sequence<String>) -> String? {
        ranked(to: text, in: names, by: \.self).first
    }

    /// What has a similar name, the most similar first; equals in their order.
    static func ranked<Named>(to text: String, in all: some Sequence<Named>, by name: (Named) -> String) -> [Named] {
        let bytes = Array(text.utf8)
        guard (1...64).contains(bytes.count) else { return [] }
        var similar: [[Named]] = Array(repeating: [], count: maximumDistance + 1)
        for named in all {
            let other = Array(name(named).utf8)
            let bound = min(maximumDistance, max(bytes.count, other.count) / 2)
            guard abs(bytes.count - other.count) <= bound, other != bytes else { continue }
            let distance = distance(bytes, other)
            if distance <= bound { similar[distance].append(named) }
        }
        return similar.flatMap(\.self)
    }

    private static let maximumDistance = 3

    /// Bytes to insert, remove or replace to make one from the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(min(previous[column] + (byte == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}

/// Which of the names that exist a mistyped one may have meant.
enum Resemblance {
    /// The most similar name, if it is similar at all; of equals the first.
    static func closest(to text: String, in names: some Sequence<String>) -> String? {
        let bytes = Array(text.utf8)
        guard (1...64).contains(bytes.count) else { return nil }
        var best: (name: String, distance: Int)?
        for name in names {
            let other = Array(name.utf8)
            let bound = min(3, max(bytes.count, other.count) / 2)
            guard abs(bytes.count - other.count) <= bound, other != bytes else { continue }
            let distance = distance(bytes, other)
            if distance <= bound, distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

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

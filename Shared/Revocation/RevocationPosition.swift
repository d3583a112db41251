/// How far a reader has come in the revocation log: the transactions whose entries it has seen.
///
/// Entries are numbered before they are committed, so a later number can become visible before an earlier one, and who reads on from a
/// number misses the earlier one for good. PostgreSQL's snapshot (`xmin:xmax:xip,…`) has no such gap: what it does not show is new.
///
/// It speaks of no transaction beyond the log's last entry (``upTo(_:)``): after a crash PostgreSQL hands such ids out again, and what they then
/// write would count as seen.
public struct RevocationPosition: Sendable, Hashable, CustomStringConvertible {
    private static let maximumBytes = 8192

    /// As PostgreSQL writes a `pg_snapshot`.
    public let description: String
    /// Every transaction before it was over.
    let oldest: UInt64
    /// No transaction from it on had begun.
    let next: UInt64
    /// Those between that were under way, in order.
    private let running: [UInt64]

    /// - Parameter text: may come from anybody: nil unless PostgreSQL reads it as a snapshot.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let oldest = Self.number(parts[0]), let next = Self.number(parts[1]), oldest > 0, oldest <= next else {
            return nil
        }
        var last = oldest
        var all: [UInt64] = []
        for (index, word) in (parts[2].isEmpty ? [] : parts[2].split(separator: ",", omittingEmptySubsequences: false)).enumerated() {
            guard let running = Self.number(word), running < next, index == 0 ? running >= last : running > last else { return nil }
            last = running
            all.append(running)
        }
        description = text
        self.oldest = oldest
        self.next = next
        running = all
    }

    private init(oldest: UInt64, next: UInt64, running: [UInt64]) {
        description = "\(oldest):\(next):" + running.map { String($0) }.joined(separator: ",")
        self.oldest = oldest
        self.next = next
        self.running = running
    }

    /// The same, with every transaction after the last one that is known to have left a trace taken for unseen.
    ///
    /// - Parameter horizon: the greatest transaction of an entry that the snapshot shows; nil for none.
    func upTo(_ horizon: UInt64?) -> RevocationPosition {
        let end = min(next, (horizon ?? 0) + 1)
        return RevocationPosition(oldest: min(oldest, end), next: end, running: running.filter { $0 < end })
    }

    private static func number(_ digits: Substring) -> UInt64? {
        guard (1...19).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(digits)
    }
}

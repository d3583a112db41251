/// Durations by fixed bounds. Recording is two additions: no lock, nothing allocated. Who makes it destroys it.
struct Histogram: Sendable, BitwiseCopyable {
    /// Upper bounds in nanoseconds, from a quarter of a millisecond to ten seconds.
    static let bounds: [Int] = [
        250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 10_000_000_000,
    ]
    private static var sum: Int { 15 }

    /// One for each bound, one for what is beyond, and the sum in nanoseconds.
    private let cells: StripedCells

    static func make() -> Histogram {
        precondition(bounds.count + 1 == sum, "the bounds and the place of the sum disagree")
        return Histogram(StripedCells.make(sum + 1).memory)
    }

    func destroy() { cells.destroy() }

    /// As it was taken from another handle.
    init(_ memory: UnsafeMutableRawPointer) { cells = StripedCells(memory, count: Self.sum + 1) }

    /// For keeping in an atomic.
    var memory: UnsafeMutableRawPointer { cells.memory }

    func recordNanoseconds(_ duration: Int64) {
        let duration = Int(truncatingIfNeeded: duration)
        cells.add(1, at: Self.bucket(of: duration))
        cells.add(duration, at: Self.sum)
    }

    /// By comparisons alone, half of what is left each time.
    private static func bucket(of duration: Int) -> Int {
        if duration <= 25_000_000 {
            if duration <= 1_000_000 { return duration <= 250_000 ? 0 : duration <= 500_000 ? 1 : 2 }
            return duration <= 2_500_000 ? 3 : duration <= 5_000_000 ? 4 : duration <= 10_000_000 ? 5 : 6
        }
        if duration <= 500_000_000 {
            return duration <= 50_000_000 ? 7 : duration <= 100_000_000 ? 8 : duration <= 250_000_000 ? 9 : 10
        }
        return duration <= 1_000_000_000 ? 11 : duration <= 2_500_000_000 ? 12 : duration <= 10_000_000_000 ? 13 : 14
    }

    /// How many were recorded of each bucket, not cumulated, and their sum in nanoseconds.
    var state: (counts: [Int], nanoseconds: Int) {
        ((0...Self.bounds.count).map { cells.sum(at: $0) }, cells.sum(at: Self.sum))
    }
}

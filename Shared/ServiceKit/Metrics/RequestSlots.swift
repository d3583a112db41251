internal import Synchronization

/// What handlers tell the pipeline about the requests under way: a number each, in memory that is there before the first request.
///
/// A context travels down to the handler as a copy; its slot is the way back. Each group of threads has slots of its own.
enum RequestSlots {
    private static let free: Int32 = -1
    /// Of one group; a power of two. Requests beyond it are served without a slot.
    private static let count = 1024

    /// Written when it is made, and after that through atomics only.
    nonisolated(unsafe) private static let cells: UnsafeMutablePointer<Atomic<Int32>> = {
        let cells = UnsafeMutablePointer<Atomic<Int32>>.allocate(capacity: count * StripedCells.stripes)
        for index in 0..<count * StripedCells.stripes { (cells + index).initialize(to: Atomic(free)) }
        return cells
    }()
    private static let next = StripedCells.make(1)

    /// - Returns: -1 where none was found quickly.
    static func take() -> Int32 {
        let start = next.add(1, at: 0)
        let group = StripedCells.stripe &* count
        for offset in 0..<8 {
            let index = group &+ ((start &+ offset) & (count - 1))
            if cells[index].compareExchange(expected: free, desired: 0, ordering: .relaxed).exchanged {
                return Int32(truncatingIfNeeded: index)
            }
        }
        return -1
    }

    static func note(_ value: Int32, at slot: Int32) {
        if slot >= 0 { cells[Int(slot)].store(value, ordering: .relaxed) }
    }

    /// Gives the slot back.
    /// - Returns: what was noted; 0 for nothing.
    static func leave(_ slot: Int32) -> Int32 {
        slot >= 0 ? cells[Int(slot)].exchange(free, ordering: .relaxed) : 0
    }

    /// Requests under way.
    static var taken: Int {
        (0..<count * StripedCells.stripes).count { cells[$0].load(ordering: .relaxed) != free }
    }
}

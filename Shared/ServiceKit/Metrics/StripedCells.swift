internal import Glibc
internal import Synchronization

/// Counters in memory of their own, so many for each of a few groups of threads: those that count at the same time rarely write the same
/// cache line. A handle without reference counts, which would be written by all; who makes it destroys it.
///
/// `@unchecked Sendable`: the memory is written when it is made, and after that through atomics only.
struct StripedCells: @unchecked Sendable, BitwiseCopyable {
    /// A power of two.
    static let stripes = 4
    private static let cellsOfLine = 8

    private let cells: UnsafeMutablePointer<Atomic<Int>>
    private let stride: Int

    /// - Parameter count: counters; each group of threads has its own of each.
    static func make(_ count: Int) -> StripedCells {
        let stride = stride(of: count)
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: stride * stripes * MemoryLayout<Atomic<Int>>.stride, alignment: cellsOfLine * MemoryLayout<Atomic<Int>>.stride)
        let cells = memory.bindMemory(to: Atomic<Int>.self, capacity: stride * stripes)
        for index in 0..<stride * stripes { (cells + index).initialize(to: Atomic(0)) }
        return StripedCells(memory, count: count)
    }

    /// As it was taken from a handle of the same number of counters.
    init(_ memory: UnsafeMutableRawPointer, count: Int) {
        cells = memory.assumingMemoryBound(to: Atomic<Int>.self)
        stride = Self.stride(of: count)
    }

    /// For keeping in an atomic.
    var memory: UnsafeMutableRawPointer { UnsafeMutableRawPointer(cells) }

    private static func stride(of count: Int) -> Int { (count + cellsOfLine - 1) / cellsOfLine * cellsOfLine }

    func destroy() {
        cells.deinitialize(count: stride * Self.stripes)
        cells.deallocate()
    }

    /// - Returns: the count before.
    @discardableResult
    func add(_ amount: Int, at index: Int) -> Int {
        cells[Self.stripe &* stride &+ index].wrappingAdd(amount, ordering: .relaxed).oldValue
    }

    /// Of all groups.
    func sum(at index: Int) -> Int {
        (0..<Self.stripes).reduce(0) { $0 &+ cells[$1 * stride + index].load(ordering: .relaxed) }
    }

    /// The running thread's group.
    static var stripe: Int {
        Int(truncatingIfNeeded: (UInt64(pthread_self()) >> 12) &* 0x9e37_79b9_7f4a_7c15 >> 40) & (stripes - 1)
    }
}

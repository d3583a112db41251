internal import Glibc
internal import Synchronization

/// A bounded table of names that any thread reads without a lock and without counting references. What is in it stays.
///
/// `@unchecked Sendable`: the memory is written before it is published, and after that through atomics only.
final class AtomicTable<Value: BitwiseCopyable & Sendable>: @unchecked Sendable {
    private struct Node {
        let bytes: UnsafeMutableRawPointer
        let count: Int
        let value: Value
    }

    /// Twice the limit at least, a power of two: a search is short.
    private let slots: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Node>?>>
    private let slotCount: Int
    private let limit: Int
    private let count = Atomic<Int>(0)
    private let destroy: @Sendable (Value) -> Void

    /// - Parameters:
    ///   - limit: names that it holds at most.
    ///   - destroy: what becomes of values at the end of the table, and of one that came too late.
    init(limit: Int, destroy: @escaping @Sendable (Value) -> Void) {
        self.limit = limit
        self.destroy = destroy
        slotCount = 1 << (Int.bitWidth - (max(limit, 4) * 2 - 1).leadingZeroBitCount)
        slots = .allocate(capacity: slotCount)
        for index in 0..<slotCount { (slots + index).initialize(to: Atomic(nil)) }
    }

    deinit {
        for index in 0..<slotCount {
            if let node = slots[index].load(ordering: .acquiring) { free(node) }
        }
        slots.deinitialize(count: slotCount)
        slots.deallocate()
    }

    /// The name's place in the table; nil where it is not in it.
    func position(of name: String) -> Int? {
        var name = name
        return name.withUTF8 { position(of: UnsafeRawBufferPointer($0)) }
    }

    private func position(of name: UnsafeRawBufferPointer) -> Int? {
        var position = Self.hash(name) & (slotCount - 1)
        while let node = slots[position].load(ordering: .acquiring) {
            if Self.isNamed(node, name) { return position }
            position = (position + 1) & (slotCount - 1)
        }
        return nil
    }

    subscript(position: Int) -> Value? {
        position >= 0 && position < slotCount ? slots[position].load(ordering: .acquiring)?.pointee.value : nil
    }

    /// The name's place, now if not before; nil where there is no room.
    func insert(_ name: String, _ value: () -> Value) -> Int? {
        var name = name
        return name.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return position(of: bytes) ?? add(bytes, value)
        }
    }

    private func add(_ name: UnsafeRawBufferPointer, _ value: () -> Value) -> Int? {
        guard count.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            count.wrappingSubtract(1, ordering: .relaxed)
            return nil
        }
        let node = make(name, value())
        var position = Self.hash(name) & (slotCount - 1)
        while true {
            let (isExchanged, there) = slots[position].compareExchange(expected: nil, desired: node, ordering: .acquiringAndReleasing)
            if isExchanged { return position }
            if let there, Self.isNamed(there, name) {
                // Another thread was first.
                count.wrappingSubtract(1, ordering: .relaxed)
                free(node)
                return position
            }
            position = (position + 1) & (slotCount - 1)
        }
    }

    var entries: [(name: String, value: Value)] {
        (0..<slotCount).compactMap { index in
            slots[index].load(ordering: .acquiring).map { node in
                let bytes = UnsafeRawBufferPointer(start: node.pointee.bytes, count: node.pointee.count)
                return (String(decoding: bytes, as: UTF8.self), node.pointee.value)
            }
        }
    }

    private func make(_ name: UnsafeRawBufferPointer, _ value: Value) -> UnsafeMutablePointer<Node> {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(name.count, 1), alignment: 8)
        if let start = name.baseAddress { bytes.copyMemory(from: start, byteCount: name.count) }
        let node = UnsafeMutablePointer<Node>.allocate(capacity: 1)
        node.initialize(to: Node(bytes: bytes, count: name.count, value: value))
        return node
    }

    private func free(_ node: UnsafeMutablePointer<Node>) {
        destroy(node.pointee.value)
        node.pointee.bytes.deallocate()
        node.deinitialize(count: 1)
        node.deallocate()
    }

    private static func isNamed(_ node: UnsafeMutablePointer<Node>, _ name: UnsafeRawBufferPointer) -> Bool {
        guard node.pointee.count == name.count, let start = name.baseAddress else { return node.pointee.count == name.count }
        return memcmp(node.pointee.bytes, start, name.count) == 0
    }

    private static func hash(_ name: UnsafeRawBufferPointer) -> Int {
        var hash = UInt64(truncatingIfNeeded: name.count)
        var index = 0
        while index &+ 8 <= name.count {
            hash = mix(hash ^ name.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        while index < name.count {
            hash = mix(hash ^ UInt64(name[index]))
            index &+= 1
        }
        return Int(truncatingIfNeeded: hash >> 32)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return high ^ low
    }
}

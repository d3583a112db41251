import Glibc
internal import Synchronization

/// Entries by key, found without a lock while others are added: open addressing with linear probing, no more than three quarters full.
///
/// A slot is filled before its key's first half is stored, which is what a reader looks for. When the table grows, or sheds moot entries, all of it
/// is written anew elsewhere. Memory that was left may be used for a later table, but is never unmapped before the end: whoever still reads
/// there reads numbers without meaning, then sees that the generation is another, and reads again.
struct RevocationTable: ~Copyable {
    /// Seconds since 1970, eight bytes rather than sixteen: there may be a million of them.
    struct Standing: Equatable {
        var notBefore: UInt32
        var expiresAt: UInt32

        init(_ entry: RevocationEntry) {
            notBefore = UInt32(clamping: entry.notBefore)
            expiresAt = UInt32(clamping: entry.expiresAt)
        }

        init(word: UInt64) {
            notBefore = UInt32(truncatingIfNeeded: word >> 32)
            expiresAt = UInt32(truncatingIfNeeded: word)
        }

        var word: UInt64 { UInt64(notBefore) << 32 | UInt64(expiresAt) }

        /// The longer of both, in each of them.
        func united(with other: Standing) -> Standing {
            var united = self
            united.notBefore = max(notBefore, other.notBefore)
            united.expiresAt = max(expiresAt, other.expiresAt)
            return united
        }
    }

    /// A mapping of `1 << exponent` slots of three words: the key's halves and the standing. Zeroes in a slot: it is free, and so is what follows.
    private struct Slots: Sendable, Equatable {
        static let none = Slots(exponent: 0, address: 0)
        private static let wordsPerSlot = 3

        let exponent: Int
        let address: UInt

        var count: Int { address == 0 ? 0 : 1 << exponent }
        private var byteCount: Int { Self.byteCount(exponent) }
        private static func byteCount(_ exponent: Int) -> Int { wordsPerSlot * MemoryLayout<UInt64>.stride << exponent }

        static func mapped(exponent: Int) -> Slots {
            let memory = mmap(nil, byteCount(exponent), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let memory, memory != MAP_FAILED else { fatalError("out of memory") }
            return Slots(exponent: exponent, address: UInt(bitPattern: memory))
        }

        init(exponent: Int, address: UInt) {
            self.exponent = exponent
            self.address = address
        }

        /// What a reader is told: pages begin at multiples of 4096, so the lower bits are free.
        init(packed: UInt) {
            self.init(exponent: Int(packed & 0xff), address: packed & ~0xfff)
        }

        var packed: UInt { address | UInt(exponent) }

        private var memory: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: address) }

        /// - Parameters:
        ///   - slot: from 0 on, below ``count``.
        ///   - part: 0 and 1 for the key, 2 for the standing.
        func word(_ slot: Int, _ part: Int) -> UnsafeMutablePointer<Atomic<UInt64>>? {
            memory?.assumingMemoryBound(to: Atomic<UInt64>.self).advanced(by: slot * Self.wordsPerSlot + part)
        }

        /// Gives the pages back; they read as zeroes.
        func clear() {
            guard let memory, madvise(memory, byteCount, MADV_DONTNEED) == 0 else { fatalError("memory cannot be cleared") }
        }

        func unmap() {
            if let memory { munmap(memory, byteCount) }
        }
    }

    private struct Writer {
        var slots = Slots.none
        var used = 0
        /// All zeroes, to be used again.
        var spare: [Slots] = []
    }

    private static let smallestExponent = 7

    private let generation = Atomic<UInt64>(0)
    private let view = Atomic<UInt>(0)
    private let writer = Mutex(Writer())

    deinit {
        writer.withLock { writer in
            for slots in writer.spare + [writer.slots] { slots.unmap() }
        }
    }

    /// Waits for nobody. Looks again only where the table was replaced meanwhile.
    func find(_ key: RevocationKey) -> Standing? {
        while true {
            let before = generation.load(ordering: .acquiring)
            let found = Self.find(key, in: Slots(packed: view.load(ordering: .acquiring)))
            if generation.load(ordering: .acquiring) == before { return found }
        }
    }

    private static func find(_ key: RevocationKey, in slots: Slots) -> Standing? {
        let (first, second) = key.words
        let mask = slots.count - 1
        // A table that is being left may have no free slot: nobody looks at more than there are.
        for step in 0..<slots.count {
            let slot = (Int(truncatingIfNeeded: second) &+ step) & mask
            guard let word = slots.word(slot, 0) else { return nil }
            let found = word.pointee.load(ordering: .acquiring)
            if found == 0 { return nil }
            if found == first, slots.word(slot, 1)?.pointee.load(ordering: .acquiring) == second {
                return slots.word(slot, 2).map { Standing(word: $0.pointee.load(ordering: .acquiring)) }
            }
        }
        return nil
    }

    /// - Returns: whether the key was not there.
    func insert(_ key: RevocationKey, _ standing: Standing) -> Bool {
        writer.withLock { writer in
            let (first, second) = key.words
            if let known = Self.place(of: first, second, in: writer.slots), known.isTaken {
                guard let word = writer.slots.word(known.slot, 2) else { return false }
                let old = Standing(word: word.pointee.load(ordering: .relaxed))
                word.pointee.store(old.united(with: standing).word, ordering: .releasing)
                return false
            }
            if (writer.used + 1) * 4 > writer.slots.count * 3 { replace(&writer, keeping: { _ in true }, room: writer.used + 1) }
            Self.put(first, second, standing.word, in: writer.slots)
            writer.used += 1
            return true
        }
    }

    /// - Returns: how many were removed.
    func removeExpired(now: UInt32) -> Int {
        writer.withLock { writer in
            var living = 0
            for slot in 0..<writer.slots.count where Self.standing(slot, in: writer.slots).map({ $0.expiresAt > now }) ?? false {
                living += 1
            }
            let removed = writer.used - living
            if removed > 0 { replace(&writer, keeping: { $0.expiresAt > now }, room: living) }
            return removed
        }
    }

    private static func standing(_ slot: Int, in slots: Slots) -> Standing? {
        guard let key = slots.word(slot, 0), key.pointee.load(ordering: .relaxed) != 0 else { return nil }
        return slots.word(slot, 2).map { Standing(word: $0.pointee.load(ordering: .relaxed)) }
    }

    /// Where the key is, or where it would be put; nil where there is no room at all.
    private static func place(of first: UInt64, _ second: UInt64, in slots: Slots) -> (slot: Int, isTaken: Bool)? {
        let mask = slots.count - 1
        for step in 0..<slots.count {
            let slot = (Int(truncatingIfNeeded: second) &+ step) & mask
            guard let word = slots.word(slot, 0) else { return nil }
            let found = word.pointee.load(ordering: .relaxed)
            if found == 0 { return (slot, false) }
            if found == first, slots.word(slot, 1)?.pointee.load(ordering: .relaxed) == second { return (slot, true) }
        }
        return nil
    }

    /// Of a key that is not there, where there is room.
    private static func put(_ first: UInt64, _ second: UInt64, _ standing: UInt64, in slots: Slots) {
        guard let place = place(of: first, second, in: slots) else { fatalError("no room in the table") }
        slots.word(place.slot, 1)?.pointee.store(second, ordering: .releasing)
        slots.word(place.slot, 2)?.pointee.store(standing, ordering: .releasing)
        slots.word(place.slot, 0)?.pointee.store(first, ordering: .releasing)
    }

    private func replace(_ writer: inout Writer, keeping isKept: (Standing) -> Bool, room: Int) {
        var exponent = Self.smallestExponent
        while (room + 1) * 4 > 3 << exponent { exponent += 1 }
        let old = writer.slots
        let index = writer.spare.firstIndex { $0.exponent == exponent }
        let new = index.map { writer.spare.remove(at: $0) } ?? Slots.mapped(exponent: exponent)
        writer.used = 0
        for slot in 0..<old.count {
            guard let standing = Self.standing(slot, in: old), isKept(standing),
                let first = old.word(slot, 0)?.pointee.load(ordering: .relaxed),
                let second = old.word(slot, 1)?.pointee.load(ordering: .relaxed)
            else { continue }
            Self.put(first, second, standing.word, in: new)
            writer.used += 1
        }
        writer.slots = new
        view.store(new.packed, ordering: .releasing)
        // After this nobody who reads the old table believes what it reads there.
        generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
        guard old != .none else { return }
        old.clear()
        writer.spare.append(old)
    }
}

/// A dictionary that never holds more than `capacity` values: the one that has gone unused through a whole round of the clock hand leaves first.
public struct BoundedMap<Key: Hashable, Value> {
    private struct Slot {
        var key: Key
        var value: Value
        var isRecentlyUsed: Bool
    }

    public let capacity: Int
    private var slots: [Slot] = []
    private var places: [Key: Int] = [:]
    private var hand = 0

    /// - Parameter capacity: at least 1.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    public var count: Int { slots.count }
    public var values: [Value] { slots.map(\.value) }

    public subscript(key: Key) -> Value? {
        mutating get {
            guard let place = places[key] else { return nil }
            slots[place].isRecentlyUsed = true
            return slots[place].value
        }
        set {
            if let newValue { store(newValue, for: key) } else { remove(key) }
        }
    }

    public mutating func removeAll() {
        slots.removeAll()
        places.removeAll()
        hand = 0
    }

    public mutating func removeAll(where isUnwanted: (Key, Value) -> Bool) {
        for slot in slots where isUnwanted(slot.key, slot.value) { remove(slot.key) }
    }

    private mutating func store(_ value: Value, for key: Key) {
        if let place = places[key] {
            slots[place].value = value
            return
        }
        let slot = Slot(key: key, value: value, isRecentlyUsed: false)
        if slots.count < capacity {
            places[key] = slots.count
            slots.append(slot)
            return
        }
        while slots[hand].isRecentlyUsed {
            slots[hand].isRecentlyUsed = false
            hand = (hand + 1) % slots.count
        }
        places[slots[hand].key] = nil
        places[key] = hand
        slots[hand] = slot
        hand = (hand + 1) % slots.count
    }

    private mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        let last = slots.removeLast()
        if place < slots.count {
            slots[place] = last
            places[last.key] = place
        }
        if hand >= slots.count { hand = 0 }
    }
}

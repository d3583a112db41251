/// SplitMix64: the same seed gives the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 up to, and without, `bound`.
    mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }

    mutating func chance(_ percent: Int) -> Bool { number(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[number(elements.count)]
    }

    mutating func pick(_ texts: String...) -> String { texts[number(texts.count)] }

    /// Some of the elements, in their order; at least one unless there are none.
    mutating func some<Element>(of elements: [Element], percent: Int = 50) -> [Element] {
        let chosen = elements.filter { _ in chance(percent) }
        return chosen.isEmpty ? Array(elements.prefix(1)) : chosen
    }
}

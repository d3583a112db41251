/// A first-in, first-out queue in one growing buffer.
struct Ring<Element> {
    private var buffer: ContiguousArray<Element?>
    private var head = 0
    private(set) var count = 0

    init(capacity: Int = 16) {
        var size = 4
        while size < capacity { size *= 2 }
        buffer = ContiguousArray(repeating: nil, count: size)
    }

    var isEmpty: Bool { count == 0 }
    var first: Element? { count == 0 ? nil : buffer[head] }

    func allSatisfy(_ isTrue: (Element) -> Bool) -> Bool { buffer.allSatisfy { $0.map(isTrue) ?? true } }

    mutating func append(_ element: Element) {
        if count == buffer.count { grow() }
        buffer[(head &+ count) & (buffer.count &- 1)] = element
        count &+= 1
    }

    mutating func prepend(_ element: Element) {
        if count == buffer.count { grow() }
        head = (head &- 1) & (buffer.count &- 1)
        buffer[head] = element
        count &+= 1
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = buffer[head].take()
        head = (head &+ 1) & (buffer.count &- 1)
        count &-= 1
        return element
    }

    private mutating func grow() {
        var larger = ContiguousArray<Element?>(repeating: nil, count: buffer.count * 2)
        for index in 0..<count { larger[index] = buffer[(head &+ index) & (buffer.count &- 1)] }
        buffer = larger
        head = 0
    }
}

import Testing

@testable import Postgres

@Suite("How many connections quick statements share") struct BreadthTests {
    /// Answers a window's worth of statements; each takes what `service` says for the limit.
    private func run(_ windows: Int, _ breadth: inout Breadth, _ service: (Int) -> Int64) -> [Int] {
        (0..<windows).map { _ in
            for _ in 0..<Breadth.window { breadth.note(service(breadth.limit)) }
            return breadth.limit
        }
    }

    @Test("Where one more costs nothing, all are used") func waiting() {
        var breadth = Breadth(connections: 10)
        #expect(run(16, &breadth) { _ in 400_000 }.last == 10)
    }

    @Test("Where they take turns on the processors, few are", arguments: [2, 3, 4])
    func processors(_ count: Int) {
        var breadth = Breadth(connections: 10)
        let limits = run(60, &breadth) { limit in 100_000 * Int64(max(limit, count)) / Int64(count) }
        #expect(limits.suffix(40).allSatisfy { (count - 1...count * 2).contains($0) }, "\(limits)")
    }

    @Test("What a processor more allows is found again after it was gone") func change() {
        var breadth = Breadth(connections: 10)
        #expect(run(40, &breadth) { limit in 100_000 * Int64(limit) }.last ?? 10 <= 4)
        #expect(run(100, &breadth) { _ in 100_000 }.max() == 10)
    }

    @Test("There are never more than the pool has, and two at least") func bounds() {
        var one = Breadth(connections: 1)
        #expect(run(10, &one) { _ in 1 }.allSatisfy { $0 == 2 })
        var none = Breadth(connections: 10)
        #expect(run(200, &none) { limit in Int64(limit * limit * 100_000) }.allSatisfy { (2...10).contains($0) })
    }
}

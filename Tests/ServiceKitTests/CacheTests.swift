import ServiceKit
import Synchronization
import Testing

@Suite("Bounded map") struct BoundedMapTests {
    @Test("It never exceeds its capacity, and keeps what is used") func bound() {
        var map = BoundedMap<Int, Int>(capacity: 10)
        map[0] = 0
        for key in 1...1000 {
            _ = map[0]
            map[key] = key
            #expect(map.count <= 10)
        }
        #expect(map[0] == 0)
        #expect(map[1000] == 1000)
        #expect(map[1] == nil)
    }

    @Test("Removal keeps the rest reachable") func removal() {
        var map = BoundedMap<Int, Int>(capacity: 100)
        for key in 0..<100 { map[key] = key }
        for key in stride(from: 0, to: 100, by: 3) { map[key] = nil }
        map.removeAll { key, _ in key % 3 == 1 }
        for key in 0..<100 { #expect(map[key] == (key % 3 == 2 ? key : nil)) }
        for key in 200..<400 { map[key] = key }
        #expect(map.count == 100)
    }
}

@Suite("Read-through cache") struct ReadThroughCacheTests {
    /// A look-up whose answers and moments the test decides.
    private final class Source: Sendable {
        let loads = Mutex(0)
        let value = Mutex<Int?>(1)
        let gate = Mutex<CheckedContinuation<Void, Never>?>(nil)
        let isGated = Mutex(false)

        @Sendable func load(_ key: Int) async throws -> Int? {
            let value = value.withLock { $0 }
            loads.withLock { $0 += 1 }
            if isGated.withLock({ $0 }) {
                await withCheckedContinuation { continuation in gate.withLock { $0 = continuation } }
            }
            return value
        }

        func open() async {
            while true {
                if let waiting = gate.withLock({ gate in
                    defer { gate = nil }
                    return gate
                }) {
                    waiting.resume()
                    return
                }
                await Task.yield()
            }
        }
    }

    @Test("A value and its absence are looked up once") func once() async throws {
        let source = Source()
        let cache = ReadThroughCache<Int, Int>(capacity: 10, load: source.load)
        cache.notificationsBegan()
        for _ in 0..<3 { #expect(try await cache.value(for: 1) == 1) }
        source.value.withLock { $0 = nil }
        for _ in 0..<3 { #expect(try await cache.value(for: 2) == nil) }
        #expect(source.loads.withLock { $0 } == 2)
    }

    @Test("Without notifications nothing is kept") func unnotified() async throws {
        let source = Source()
        let cache = ReadThroughCache<Int, Int>(capacity: 10, grace: .zero, load: source.load)
        for _ in 0..<3 { _ = try await cache.value(for: 1) }
        #expect(source.loads.withLock { $0 } == 3)
        cache.notificationsBegan()
        for _ in 0..<3 { _ = try await cache.value(for: 1) }
        #expect(source.loads.withLock { $0 } == 4)
        cache.notificationsStopped()
        for _ in 0..<3 { _ = try await cache.value(for: 1) }
        #expect(source.loads.withLock { $0 } == 7)
    }

    @Test("Concurrent requests share one load") func shared() async throws {
        let source = Source()
        source.isGated.withLock { $0 = true }
        let cache = ReadThroughCache<Int, Int>(capacity: 10, load: source.load)
        cache.notificationsBegan()
        async let first = cache.value(for: 1)
        async let second = cache.value(for: 1)
        await source.open()
        #expect(try await [first, second] == [1, 1])
        #expect(source.loads.withLock { $0 } == 1)
    }

    @Test("What was being loaded when it changed is not kept") func staleLoad() async throws {
        let source = Source()
        source.isGated.withLock { $0 = true }
        let cache = ReadThroughCache<Int, Int>(capacity: 10, load: source.load)
        cache.notificationsBegan()
        async let before = cache.value(for: 1)
        while source.loads.withLock({ $0 }) == 0 { await Task.yield() }
        source.value.withLock { $0 = 2 }
        cache.invalidate(1)
        await source.open()
        #expect(try await before == 1)
        source.isGated.withLock { $0 = false }
        #expect(try await cache.value(for: 1) == 2)
    }
}

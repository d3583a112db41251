import Cryptography
import JOSE
import Logging
import Synchronization
import Testing

@testable import AuthServer

@Suite("Published keys, remembered") struct ClientKeySetsTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func make(_ publisher: Publisher, _ change: (inout ClientKeySets.Limits) -> Void = { _ in }) -> ClientKeySets {
        var limits = ClientKeySets.Limits()
        change(&limits)
        return ClientKeySets(source: publisher, limits: limits, logger: Self.logger)
    }

    private func uri(_ name: String) throws -> KeySetURI { try #require(KeySetURI("https://\(name).example/jwks")) }

    @Test("A known key is fetched once, also by many at once") func once() async throws {
        let publisher = Publisher()
        let (sets, place) = (make(publisher), try uri("a"))
        try publisher.publish("one", at: place)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { try await sets.key("one", for: .es256, at: place) != nil } }
            for try await isFound in group { #expect(isFound) }
        }
        #expect(publisher.fetches(of: place) == 1)
    }

    @Test("Unknown kids cause no flood, and a new key is found after the interval") func unknownKeys() async throws {
        let publisher = Publisher()
        let (sets, place) = (make(publisher), try uri("a"))
        try publisher.publish("one", at: place)
        #expect(try await sets.key("one", for: .es256, at: place) != nil)
        try publisher.publish("two", at: place)
        for number in 0..<100 { #expect(try await sets.key("invented-\(number)", for: .es256, at: place) == nil) }
        #expect(try await sets.key("two", for: .es256, at: place) == nil)
        #expect(publisher.fetches(of: place) == 1)

        let hasty = make(publisher) { $0.refetchInterval = .zero }
        #expect(try await hasty.key("two", for: .es256, at: place) != nil)
        try publisher.publish("three", at: place)
        #expect(try await hasty.key("three", for: .es256, at: place) != nil)
        #expect(try await hasty.key("two", for: .es256, at: place) == nil, "a key that is gone is gone")
        #expect(publisher.fetches(of: place) == 4)
    }

    @Test("A stale set is fetched again; when that fails it goes on, though not for ever") func stale() async throws {
        let publisher = Publisher()
        let place = try uri("a")
        try publisher.publish("one", at: place)
        let sets = make(publisher) { ($0.freshness, $0.refetchInterval) = (.zero, .zero) }
        for _ in 0..<3 { #expect(try await sets.key("one", for: .es256, at: place) != nil) }
        #expect(publisher.fetches(of: place) == 3)
        publisher.silence(place)
        for _ in 0..<3 { #expect(try await sets.key("one", for: .es256, at: place) != nil) }
        #expect(publisher.fetches(of: place) == 6)

        try publisher.publish("one", at: place)
        let forgetful = make(publisher) { ($0.freshness, $0.refetchInterval, $0.maximumAge) = (.zero, .zero, .nanoseconds(1)) }
        _ = try await forgetful.key("one", for: .es256, at: place)
        publisher.silence(place)
        #expect(try await forgetful.key("one", for: .es256, at: place) == nil)
    }

    @Test("One that cannot be asked is left alone for the interval, and the others are not concerned") func outage() async throws {
        let publisher = Publisher()
        let (sets, silent, other) = (make(publisher), try uri("a"), try uri("b"))
        try publisher.publish("one", at: other)
        for _ in 0..<20 { #expect(try await sets.key("one", for: .es256, at: silent) == nil) }
        #expect(publisher.fetches(of: silent) == 1)
        #expect(try await sets.key("one", for: .es256, at: other) != nil)
    }

    @Test("What is remembered is bounded") func bounded() async throws {
        let publisher = Publisher()
        let sets = make(publisher) { $0.sets = 4 }
        for number in 0..<40 {
            let place = try uri("host-\(number)")
            try publisher.publish("one", at: place)
            #expect(try await sets.key("one", for: .es256, at: place) != nil)
        }
        #expect(try await sets.key("one", for: .es256, at: uri("host-0")) != nil)
        #expect(try publisher.fetches(of: uri("host-0")) == 2)
    }
}

/// Key sets by URI, with a count of who asked.
private final class Publisher: ClientKeySource {
    private struct State {
        var sets: [KeySetURI: JWKSet] = [:]
        var fetches: [KeySetURI: Int] = [:]
    }

    private let state = Mutex(State())

    func publish(_ keyID: String, at uri: KeySetURI) throws {
        let key = try JWK(PrivateKey.generate(.p256).publicKey, algorithm: .es256, keyID: keyID)
        state.withLock { $0.sets[uri] = JWKSet([key]) }
    }

    func silence(_ uri: KeySetURI) { state.withLock { $0.sets[uri] = nil } }

    func fetches(of uri: KeySetURI) -> Int { state.withLock { $0.fetches[uri] ?? 0 } }

    func fetch(_ uri: KeySetURI) async throws -> JWKSet {
        try state.withLock { state in
            state.fetches[uri, default: 0] += 1
            guard let set = state.sets[uri] else { throw ClientKeysUnavailable(reason: "silent") }
            return set
        }
    }
}

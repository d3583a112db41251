import FoundationEssentials
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Sign-in throttle", .enabled(if: TestDatabase.isConfigured)) struct ThrottleTests {
    /// A throttle whose time stands still until it is told.
    private static func with(_ body: (SignInThrottle, SharedNumber) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { pool in
                let now = SharedNumber()
                now.value = 1_800_000_000
                try await body(SignInThrottle(database: pool, clock: WallClock { now.value }), now)
            }
        }
    }

    /// Seconds to wait; 0 for an attempt that may be made.
    private static func wait(_ decision: SignInThrottle.Decision) -> Int {
        switch decision {
        case .allowed: 0
        case .blocked(let seconds): seconds
        }
    }

    @Test("A pair has five free attempts, then 1, 2, 4 … seconds, 15 minutes at most; waiting less does not help and does not harm")
    func delays() async throws {
        try await Self.with { throttle, now async throws in
            let keys = [ThrottleKey.pair(email: "a@b.example", address: "192.0.2.1")]
            for _ in 0..<5 { #expect(try await Self.wait(throttle.begin(keys)) == 0) }
            for delay in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
                #expect(try await Self.wait(throttle.begin(keys)) == 0, "\(delay)")
                for _ in 0..<3 { #expect(try await Self.wait(throttle.begin(keys)) == delay) }
                now.value += Int64(delay) - 1
                #expect(try await Self.wait(throttle.begin(keys)) == 1)
                now.value += 1
            }
        }
    }

    @Test("An account is never kept out for more than a minute, and not at all in a browser that is known") func account() async throws {
        try await Self.with { throttle, now async throws in
            var longest = 0
            for attempt in 0..<40 {
                let decision = try await throttle.begin(email: "Victim@b.example", from: .browser(address: "192.0.2.\(attempt)"))
                longest = max(longest, Self.wait(decision))
                now.value += Int64(Self.wait(decision))
            }
            #expect(longest == 60)
            now.value += 60
            _ = try await throttle.begin(email: "victim@b.example", from: .browser(address: "203.0.113.1"))
            #expect(try await Self.wait(throttle.begin(email: "victim@B.example", from: .browser(address: "198.51.100.1"))) > 0)
            #expect(try await Self.wait(throttle.begin(email: "victim@b.example", from: .knownDevice(mark: "m"))) == 0)
            #expect(try await Self.wait(throttle.begin(email: "other@b.example", from: .browser(address: "198.51.100.1"))) == 0)
        }
    }

    @Test("An address has twenty free attempts, whatever accounts it tries; an IPv6 network of 64 bits is one address") func address()
        async throws
    {
        try await Self.with { throttle, now async throws in
            for attempt in 0..<21 {
                let address = "2001:db8:0:1::\(attempt)"
                #expect(try await Self.wait(throttle.begin(email: "\(attempt)@b.example", from: .browser(address: address))) == 0)
            }
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .browser(address: "2001:db8:0:1:ffff::1"))) == 1)
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .browser(address: "2001:db8:0:2::1"))) == 0)
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .knownDevice(mark: "m"))) == 0)
        }
    }

    @Test("An attempt that began a second ago, and gets its turn after a later one, is not blocked by that") func lateTurn() async throws {
        try await Self.with { throttle, now async throws in
            let source = SignInSource.client(try #require(ClientID("legacy")), in: TenantID(UUID()))
            now.value += 1
            guard case .allowed(let later) = try await throttle.begin(email: "a@b.example", from: source) else {
                Issue.record("the first attempt is blocked")
                return
            }
            now.value -= 1
            #expect(try await Self.wait(throttle.begin(email: "b@b.example", from: source)) == 0)
            now.value += 1
            try await throttle.succeed(later)
            now.value -= 1
            #expect(try await Self.wait(throttle.begin(email: "c@b.example", from: source)) == 0)
        }
    }

    @Test("A blocked attempt counts under no key") func blockedCountsNothing() async throws {
        try await Self.with { throttle, now async throws in
            let pair = ThrottleKey.pair(email: "a@b.example", address: "192.0.2.1")
            for _ in 0..<6 { _ = try await throttle.begin([pair]) }
            for _ in 0..<30 {
                #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: .browser(address: "192.0.2.1"))) == 1)
            }
            #expect(try await Self.wait(throttle.begin([.account(email: "a@b.example")])) == 0)
            #expect(try await Self.wait(throttle.begin([.address("192.0.2.1")])) == 0)
            #expect(
                try await throttle.store.database.queryOne("SELECT sum(failures)::bigint FROM auth.sign_in_throttle", as: Int64.self) == 8)
            now.value += 1
            #expect(try await Self.wait(throttle.begin([pair])) == 0)
        }
    }

    @Test("A device that is known answers for its own failures: a stolen mark is no free pass, and holds up no other device") func device()
        async throws
    {
        try await Self.with { throttle, _ async throws in
            for _ in 0..<11 { #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: .knownDevice(mark: "stolen"))) == 0) }
            #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: .knownDevice(mark: "stolen"))) == 1)
            #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: .knownDevice(mark: "own"))) == 0)
            #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: .browser(address: "192.0.2.1"))) == 0)
        }
    }

    @Test("Through a client many names are slowed down to about a guess a second, and nobody waits longer than two") func client()
        async throws
    {
        try await Self.with { throttle, now async throws in
            let (legacy, other) = (try #require(ClientID("legacy")), try #require(ClientID("other")))
            let (acme, globex) = (TenantID(UUID()), TenantID(UUID()))
            let start = now.value
            var longest = 0
            for name in 0..<400 {
                var wait = try await Self.wait(throttle.begin(email: "\(name)@b.example", from: .client(legacy, in: acme)))
                while wait > 0 {
                    longest = max(longest, wait)
                    now.value += Int64(wait)
                    wait = try await Self.wait(throttle.begin(email: "\(name)@b.example", from: .client(legacy, in: acme)))
                }
            }
            #expect((1...2).contains(longest))
            #expect((299...600).contains(now.value - start))
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .client(legacy, in: acme))) > 0)
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .client(other, in: acme))) == 0)
            #expect(try await Self.wait(throttle.begin(email: "x@b.example", from: .client(legacy, in: globex))) == 0)
        }
    }

    @Test("Through a client one name has ten free attempts, and is held up a minute at most") func clientPair() async throws {
        try await Self.with { throttle, now async throws in
            let source = SignInSource.client(try #require(ClientID("legacy")), in: TenantID(UUID()))
            for _ in 0..<11 { #expect(try await Self.wait(throttle.begin(email: "a@b.example", from: source)) == 0) }
            var longest = 0
            for _ in 0..<20 {
                let wait = try await Self.wait(throttle.begin(email: "A@b.example", from: source))
                longest = max(longest, wait)
                now.value += Int64(wait)
            }
            #expect(longest == 60)
            #expect(try await Self.wait(throttle.begin(email: "c@b.example", from: source)) == 0)
        }
    }

    @Test("A flood of names from a blocked address writes nothing, and ends with the block") func flood() async throws {
        try await Self.with { throttle, now async throws in
            func rows() async throws -> [String] {
                try await throttle.store.database.queryAll(
                    "SELECT encode(key_hash, 'hex') || failures || last_failed_at || blocked_until FROM auth.sign_in_throttle ORDER BY 1"
                ) { try $0.decode(String.self) }
            }
            for name in 0..<21 { _ = try await throttle.begin(email: "\(name)@b.example", from: .browser(address: "192.0.2.1")) }
            let before = try await rows()
            #expect(before.count == 43)
            for name in 100..<200 {
                #expect(try await Self.wait(throttle.begin(email: "\(name)@b.example", from: .browser(address: "192.0.2.1"))) == 1)
            }
            #expect(try await rows() == before)
            now.value += 1
            #expect(try await Self.wait(throttle.begin(email: "100@b.example", from: .browser(address: "192.0.2.1"))) == 0)
            #expect(try await rows().count == 45)
        }
    }

    @Test("Eight at once with the right password are all let in, again and again") func rightAtOnce() async throws {
        try await Self.with { throttle, _ async throws in
            let source = SignInSource.client(try #require(ClientID("legacy")), in: TenantID(UUID()))
            for _ in 0..<10 {
                let blocked = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            guard case .allowed(let attempt) = try await throttle.begin(email: "s@b.example", from: source) else {
                                return true
                            }
                            try await throttle.succeed(attempt)
                            return false
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(blocked == 0)
            }
            // Of the client nothing is left; account and pair are gone.
            let left = try await throttle.store.database.queryAll("SELECT failures FROM auth.sign_in_throttle") {
                try $0.decode(Int32.self)
            }
            #expect(left == [0])
        }
    }

    @Test("Success forgives the account and the pair, and the address this one attempt only") func success() async throws {
        try await Self.with { throttle, _ async throws in
            func begin() async throws -> SignInThrottle.Decision {
                try await throttle.begin(email: "a@b.example", from: .browser(address: "192.0.2.1"))
            }
            for _ in 0..<4 { _ = try await begin() }
            guard case .allowed(let attempt) = try await begin() else {
                Issue.record("blocked too early")
                return
            }
            try await throttle.succeed(attempt)
            let failures = try await throttle.store.database.queryAll("SELECT failures FROM auth.sign_in_throttle") {
                try $0.decode(Int32.self)
            }
            #expect(failures == [4])
            // A hundred people behind one address who all know their passwords are not held up.
            for person in 0..<100 {
                let decision = try await throttle.begin(email: "\(person)@b.example", from: .browser(address: "192.0.2.1"))
                guard case .allowed(let attempt) = decision else {
                    Issue.record("person \(person) was held up")
                    return
                }
                try await throttle.succeed(attempt)
            }
        }
    }

    @Test("Guesses made at the same instant do not race past the limit", arguments: [1, 2, 3]) func parallel(_: Int) async throws {
        try await Self.with { throttle, _ async throws in
            let allowed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<60 {
                    group.addTask {
                        try await Self.wait(throttle.begin(email: "a@b.example", from: .browser(address: "192.0.2.1"))) == 0
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // Five are free, the sixth brings the block about.
            #expect(allowed == 6)
        }
    }

    @Test("Failures of long ago are forgotten") func forgetting() async throws {
        try await Self.with { throttle, now async throws in
            let keys = [ThrottleKey.pair(email: "a@b.example", address: "192.0.2.1")]
            for _ in 0..<6 { _ = try await throttle.begin(keys) }
            now.value += 3600 * 6
            for _ in 0..<5 { #expect(try await Self.wait(throttle.begin(keys)) == 0) }
            try await throttle.forgetOldCounters()
            #expect(try await throttle.store.database.queryOne("SELECT count(*) FROM auth.sign_in_throttle", as: Int64.self) == 1)
            now.value += SignInThrottle.memorySeconds + 1
            try await throttle.forgetOldCounters()
            #expect(try await throttle.store.database.queryOne("SELECT count(*) FROM auth.sign_in_throttle", as: Int64.self) == 0)
        }
    }

    @Test(
        "What counts as one address",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("2001:db8::1", "2001:db8:0:0:ffff::", true), ("2001:db8::1", "2001:db8:0:1::1", false), ("", "unknown", false),
        ]) func networks(a: String, b: String, isSame: Bool)
    {
        #expect((ThrottleKey.address(a).hash == ThrottleKey.address(b).hash) == isSame)
        #expect(ThrottleKey.address(a).hash != ThrottleKey.account(email: a).hash)
    }
}

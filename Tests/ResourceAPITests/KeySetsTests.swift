import JOSE
import Logging
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Key sets") struct KeySetsTests {
    private func make(_ issuer: Issuer, _ limits: KeySets.Limits = .init()) -> KeySets {
        KeySets(source: issuer, limits: limits, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    @Test("A known key is fetched once") func once() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        let sets = make(issuer)
        for _ in 0..<10 {
            let keys = try await sets.keys(of: acme, containing: nil)
            #expect(keys?.keys.keys.count == 1)
        }
        #expect(issuer.fetches == 1)
    }

    @Test("Unknown key ids cause one fetch, not a flood, and a new key is found after the interval") func unknownKey() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        var limits = KeySets.Limits()
        limits.refetchInterval = .milliseconds(200)
        let sets = make(issuer, limits)
        let known = try #require(try await sets.keys(of: acme, containing: nil)?.keys.keys.first?.keyID)
        for number in 0..<1000 {
            let keys = try await sets.keys(of: acme, containing: "invented-\(number)")
            #expect(keys?.keys[known] != nil)
        }
        #expect(issuer.fetches <= 10)
        try issuer.newKey(for: acme)
        let deadline = ContinuousClock.now.advanced(by: .seconds(5))
        var found = false
        while !found, ContinuousClock.now < deadline {
            found = try await sets.keys(of: acme, containing: "the-new-one")?.keys.keys.first?.keyID != known
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(found)
    }

    @Test("Invented tenants share a budget") func unknownTenants() async throws {
        let issuer = Issuer()
        let sets = make(issuer)
        var refused = 0
        for number in 0..<500 {
            do {
                let isUnknown = try await sets.keys(of: TenantSlug("t\(number)"), containing: nil) == nil
                #expect(isUnknown)
            } catch is KeysUnknown {
                refused += 1
            }
        }
        #expect(issuer.fetches < 100)
        #expect(refused > 400)
        _ = try? await sets.keys(of: TenantSlug("t0"), containing: nil)
        #expect(issuer.fetches < 100)
    }

    @Test("An outage does not stop known keys, and what is not known is not guessed") func outage() async throws {
        let issuer = Issuer()
        let (acme, globex) = (try TenantSlug("acme"), try TenantSlug("globex"))
        try issuer.newKey(for: acme)
        try issuer.newKey(for: globex)
        var limits = KeySets.Limits()
        limits.freshness = .zero
        limits.refetchInterval = .zero
        let sets = make(issuer, limits)
        let known = try #require(try await sets.keys(of: acme, containing: nil)?.keys.keys.first?.keyID)
        issuer.setReachable(false)
        for _ in 0..<50 {
            #expect(try await sets.keys(of: acme, containing: known)?.keys[known] != nil)
        }
        await #expect(throws: KeysUnknown.self) { try await sets.keys(of: globex, containing: nil) }
        issuer.setReachable(true)
        #expect(try await sets.keys(of: globex, containing: nil) != nil)
    }
}


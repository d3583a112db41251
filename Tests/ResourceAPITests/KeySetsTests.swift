import JOSE
import Logging
import Synchronization
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
        var limits = KeySets.Limits()
        limits.unknownTenantsPerSecond = 20
        let sets = make(issuer, limits)
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

    @Test("A tenant that does not exist is not asked for again at once, and costs from the budget each time") func absent() async throws {
        let issuer = Issuer()
        let nobody = try TenantSlug("nobody")
        var limits = KeySets.Limits()
        limits.refetchInterval = .zero
        let patient = make(issuer, limits)
        for _ in 0..<50 { #expect(try await patient.keys(of: nobody, containing: nil) == nil) }
        #expect(issuer.fetches == 1)

        limits.absenceInterval = .zero
        limits.unknownTenantsPerSecond = 5
        let hasty = make(issuer, limits)
        for _ in 0..<200 { _ = try? await hasty.keys(of: nobody, containing: nil) }
        #expect(issuer.fetches < 50)
    }

    @Test("A tenant that could not be asked for is asked for again after the usual interval") func absentForNow() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        issuer.setReachable(false)
        var limits = KeySets.Limits()
        limits.refetchInterval = .milliseconds(50)
        let sets = make(issuer, limits)
        let start = ContinuousClock.now
        for _ in 0..<20 { await #expect(throws: KeysUnknown.self) { try await sets.keys(of: acme, containing: nil) } }
        #expect(Duration.milliseconds(50) * (issuer.fetches - 1) <= start.duration(to: .now))
        issuer.setReachable(true)
        try await Task.sleep(for: .milliseconds(60))
        #expect(try await sets.keys(of: acme, containing: nil) != nil)
    }

    @Test("A tenant that is gone loses its keys, and who depends on them is told") func gone() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        var limits = KeySets.Limits()
        limits.refetchInterval = .zero
        let told = Mutex<[TenantSlug]>([])
        let sets = KeySets(
            source: issuer, limits: limits, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            changed: { tenant in told.withLock { $0.append(tenant) } })
        _ = try await sets.keys(of: acme, containing: nil)
        issuer.remove(acme)
        #expect(try await sets.keys(of: acme, containing: "another") == nil)
        #expect(told.withLock { $0 } == [acme])
        #expect(try await sets.keys(of: acme, containing: nil) == nil)
        #expect(issuer.fetches == 2)
    }

    @Test("Invented tenants do not displace real ones") func displacement() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        var limits = KeySets.Limits()
        limits.tenants = 4
        limits.unknownTenantsPerSecond = 1_000
        let sets = make(issuer, limits)
        let known = try #require(try await sets.keys(of: acme, containing: nil)?.keys.keys.first?.keyID)
        for number in 0..<100 { _ = try await sets.keys(of: TenantSlug("t\(number)"), containing: nil) }
        issuer.setReachable(false)
        #expect(try await sets.keys(of: acme, containing: known)?.keys[known] != nil)
    }

    @Test("A flood of invented tenants does not lock out one that comes again") func flood() async throws {
        let issuer = Issuer()
        let acme = try TenantSlug("acme")
        try issuer.newKey(for: acme)
        var limits = KeySets.Limits()
        limits.unknownTenantsPerSecond = 1
        let sets = make(issuer, limits)
        var isFound = false
        for number in 0..<200 {
            _ = try? await sets.keys(of: TenantSlug("t\(number)"), containing: nil)
            if number == 99 || number == 199 { isFound = try await find(acme, in: sets) }
        }
        #expect(isFound)
    }

    private func find(_ tenant: TenantSlug, in sets: KeySets) async throws -> Bool {
        do {
            return try await sets.keys(of: tenant, containing: nil) != nil
        } catch is KeysUnknown {
            return false
        }
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

import FoundationEssentials
import Synchronization
import Testing

@testable import ResourceAPI

@Suite("Turns of tenants") struct TenantTurnsTests {
    private static let (acme, globex, initech) = ("acme", "globex", "initech")

    /// Who ran, in order; a statement under way ends when it is told to.
    private final class Log: Sendable {
        private struct State {
            var order: [String] = []
            var running = 0
            var most = 0
            var isOpen = false
            var held: [CheckedContinuation<Void, Never>] = []
        }

        private let state = Mutex(State())

        var order: [String] { state.withLock { $0.order } }
        var running: Int { state.withLock { $0.running } }
        var most: Int { state.withLock { $0.most } }

        func run(_ name: String, holding: Bool = false) async {
            state.withLock { state in
                state.order.append(name)
                state.running += 1
                state.most = max(state.most, state.running)
            }
            if holding {
                await withCheckedContinuation { continuation in
                    let isOpen = state.withLock { state in
                        if !state.isOpen { state.held.append(continuation) }
                        return state.isOpen
                    }
                    if isOpen { continuation.resume() }
                }
            } else {
                await Task.yield()
            }
            state.withLock { $0.running -= 1 }
        }

        func open() {
            let held = state.withLock { state in
                state.isOpen = true
                defer { state.held = [] }
                return state.held
            }
            for continuation in held { continuation.resume() }
        }
    }

    /// Nobody's patience ends but where that is the question: how long it takes until all stand in line is the machine's affair.
    private static func limits(total: Int, tenant: Int, waiting: Int = 2048, tenantWaiting: Int = 256) -> TenantTurns.Limits {
        TenantTurns.Limits(total: total, tenant: tenant, waiting: waiting, tenantWaiting: tenantWaiting, patience: .seconds(3600))
    }

    private static func eventually(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            guard ContinuousClock.now < deadline else { throw ResourceAPIHarness.Timeout(what: what) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    @Test("A tenant with one statement is next, however many another has waiting") func roundRobin() async throws {
        let (turns, log) = (TenantTurns(Self.limits(total: 1, tenant: 1)), Log())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await turns.take(Self.acme) { await log.run("acme", holding: true) } }
            try await Self.eventually("the first runs") { log.running == 1 }
            for (count, tenant, name) in [(5, Self.acme, "acme"), (2, Self.globex, "globex"), (1, Self.initech, "initech")] {
                for _ in 0..<count { group.addTask { try await turns.take(tenant) { await log.run(name) } } }
                let waiting = log.order.count - 1 + (name == "acme" ? 5 : name == "globex" ? 7 : 8)
                try await Self.eventually("\(name) waits") { turns.waiting == waiting }
            }
            log.open()
            try await group.waitForAll()
        }
        #expect(log.order == ["acme", "globex", "initech", "acme", "globex", "acme", "acme", "acme", "acme"])
        #expect(log.most == 1 && turns.waiting == 0)
    }

    @Test("A tenant at its limit waits and holds up nobody") func tenantLimit() async throws {
        let (turns, log) = (TenantTurns(Self.limits(total: 3, tenant: 2)), Log())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try await turns.take(Self.acme) { await log.run("acme", holding: true) } } }
            try await Self.eventually("two run, two wait") { log.running == 2 && turns.waiting == 2 }
            try await turns.take(Self.globex) { await log.run("globex") }
            #expect(log.order == ["acme", "acme", "globex"] && turns.waiting == 2)
            log.open()
            try await group.waitForAll()
        }
        #expect(log.order.count == 5 && log.most == 3)
    }

    @Test("A full line refuses; another tenant's does not") func fullLine() async throws {
        let (turns, log) = (TenantTurns(Self.limits(total: 1, tenant: 1, waiting: 3, tenantWaiting: 2)), Log())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await turns.take(Self.acme) { await log.run("acme", holding: true) } } }
            try await Self.eventually("one runs, two wait") { log.running == 1 && turns.waiting == 2 }
            await #expect(throws: TenantTurns.Overload.self) { try await turns.take(Self.acme) { await log.run("acme") } }
            #expect(!turns.hasRoom(for: Self.acme) && turns.hasRoom(for: Self.globex))
            group.addTask { try await turns.take(Self.globex) { await log.run("globex") } }
            try await Self.eventually("three wait") { turns.waiting == 3 }
            await #expect(throws: TenantTurns.Overload.self) { try await turns.take(Self.initech) { await log.run("initech") } }
            #expect(!turns.hasRoom(for: Self.globex) && !turns.hasRoom(for: Self.initech))
            log.open()
            try await group.waitForAll()
        }
        #expect(log.order.count == 4 && turns.waiting == 0)
        #expect([Self.acme, Self.globex, Self.initech].allSatisfy(turns.hasRoom))
    }

    @Test("Who waits too long is refused, and takes nobody's place along") func patience() async throws {
        let (turns, log) = (TenantTurns(.init(total: 1, tenant: 1, patience: .milliseconds(50))), Log())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await turns.take(Self.acme) { await log.run("acme", holding: true) } }
            try await Self.eventually("one runs") { log.running == 1 }
            await #expect(throws: TenantTurns.Overload.self) { try await turns.take(Self.globex) { await log.run("globex") } }
            log.open()
            try await group.waitForAll()
        }
        try await turns.take(Self.globex) { await log.run("globex") }
        #expect(log.order == ["acme", "globex"] && turns.waiting == 0)
    }

    @Test("A line that moves slowly is full sooner, and never empty") func target() async throws {
        let turns = TenantTurns(.init(total: 1, tenant: 1, target: .milliseconds(1)))
        let first = Log()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<21 { group.addTask { try await turns.take(Self.acme) { await first.run("acme", holding: true) } } }
            try await Self.eventually("all wait, as nothing is known yet") { turns.waiting == 20 }
            try await Task.sleep(for: .milliseconds(100))
            first.open()
            try await group.waitForAll()
        }
        let second = Log()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<9 { group.addTask { try await turns.take(Self.acme) { await second.run("acme", holding: true) } } }
            try await Self.eventually("a short line waits") { turns.waiting == 8 }
            await #expect(throws: TenantTurns.Overload.self) { try await turns.take(Self.acme) { await second.run("acme") } }
            group.addTask { try await turns.take(Self.globex) { await second.run("globex") } }
            try await Self.eventually("another tenant's line is another") { turns.waiting == 9 }
            second.open()
            try await group.waitForAll()
        }
        #expect(second.order.count == 10)
    }

    @Test("A place is held as long as its object lives, and none is waited for at once") func places() async throws {
        let turns = TenantTurns(Self.limits(total: 2, tenant: 1))
        var place = turns.holdAtOnce("acme")
        #expect(place != nil && turns.holdAtOnce("acme") == nil)
        let waiting = Task { try await turns.hold("acme") }
        try await Self.eventually("one waits") { turns.waiting == 1 }
        place = nil
        let next = try await waiting.value
        #expect(turns.holdAtOnce("acme") == nil && turns.holdAtOnce("globex") != nil)
        withExtendedLifetime(next) {}
    }

    @Test("A cancelled task leaves the line") func cancellation() async throws {
        let (turns, log) = (TenantTurns(Self.limits(total: 1, tenant: 1)), Log())
        let holder = Task { try await turns.take(Self.acme) { await log.run("acme", holding: true) } }
        try await Self.eventually("one runs") { log.running == 1 }
        let given = Task { try await turns.take(Self.globex) { await log.run("globex") } }
        let kept = Task { try await turns.take(Self.globex) { await log.run("kept") } }
        try await Self.eventually("two wait") { turns.waiting == 2 }
        given.cancel()
        await #expect(throws: CancellationError.self) { try await given.value }
        #expect(turns.waiting == 1)
        log.open()
        try await holder.value
        try await kept.value
        #expect(log.order == ["acme", "kept"])
    }

    @Test("A thousand tasks, some of them cancelled, leave every place free and never take one too many") func stress() async throws {
        let (turns, log) = (TenantTurns(Self.limits(total: 4, tenant: 3)), Log())
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<1000 {
                group.addTask {
                    let task = Task { try await turns.take([Self.acme, Self.globex, Self.initech][index % 3]) { await log.run("x") } }
                    if index % 7 == 0 { task.cancel() }
                    _ = try? await task.value
                }
            }
        }
        #expect(log.most <= 4 && log.running == 0 && turns.waiting == 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            log.open()
            for _ in 0..<4 { group.addTask { try await turns.take(Self.acme) { await log.run("y") } } }
            try await group.waitForAll()
        }
    }
}

import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import Passwords

@Suite("Hashing on threads of its own") struct PasswordHasherTests {
    private static func cheap() throws -> PasswordParameters { try PasswordParameters(memoryKiB: 64, passes: 1) }

    @Test(
        "what was hashed is right, a near miss is wrong",
        arguments: ["", "a", "correct horse", "пароль 🔐", "with\0NUL", String(repeating: "long ", count: 2000)])
    func roundTrip(password: String) async throws {
        let hasher = PasswordHasher(parameters: try Self.cheap())
        let hash = try await hasher.hash(password)
        #expect(hash.text.hasPrefix("$argon2id$v=19$m=64,t=1,p=1$"))
        #expect(try PasswordHash(hash.text) == hash)
        #expect(try await hasher.verify(password, against: hash) == .right)
        for miss in [password + "\0", password + " ", String(password.dropLast()) + "_"] {
            #expect(try await hasher.verify(miss, against: hash) == .wrong)
        }
        #expect(try await hasher.hash(password) != hash)
        await hasher.shutdown()
    }

    @Test("the recommended parameters are OWASP's") func recommended() async throws {
        let hasher = PasswordHasher()
        let hash = try await hasher.hash("correct horse battery")
        #expect(hash.text.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(hash.text.utf8.count == 97)
        #expect(try await hasher.verify("correct horse battery", against: hash) == .right)
        try await hasher.verifyAgainstNothing("correct horse battery")
    }

    @Test("a weaker hash is replaced only when the password is right") func upgrade() async throws {
        let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 128, passes: 2))
        let foreign = try #require(ForeignHash.all.first { $0.text.hasPrefix("$pbkdf2-sha256$") })
        let old = try PasswordHash(foreign.text)
        #expect(try await hasher.verify(foreign.password + "!", against: old) == .wrong)
        guard case .rightNeedsUpgrade(let new) = try await hasher.verify(foreign.password, against: old) else {
            Issue.record("not upgraded")
            return
        }
        #expect(new.text.hasPrefix("$argon2id$v=19$m=128,t=2,p=1$"))
        #expect(!new.needsUpgrade(to: hasher.parameters))
        #expect(try await hasher.verify(foreign.password, against: new) == .right)
    }

    @Test("parameters out of range are refused", arguments: [(7, 1), (64, 0), (64, 65), (1_048_577, 1), (1_048_576, 5), (-1, -1)])
    func parameters(memory: Int, passes: Int) {
        #expect(throws: PasswordParameters.OutOfRange.self) { try PasswordParameters(memoryKiB: memory, passes: passes) }
    }

    @Test("a hash uses the memory that its thread keeps") func memoryIsKept() async throws {
        let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 8192, passes: 1), threads: 1)
        let before = HashMemory.uses.load(ordering: .relaxed)
        let hash = try await hasher.hash("one")
        #expect(try await hasher.verify("one", against: hash) == .right)
        #expect(HashMemory.uses.load(ordering: .relaxed) >= before + 2)
    }
}

@Suite("The threads' queue", .timeLimit(.minutes(1))) struct WorkerThreadsTests {
    /// Holds threads until it is opened.
    private final class Gate: Sendable {
        private let isOpen = Atomic<Bool>(false)
        func open() { isOpen.store(true, ordering: .releasing) }
        func pass() {
            while !isOpen.load(ordering: .acquiring) { usleep(200) }
        }
    }

    private final class Count: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.wrappingAdd(1, ordering: .relaxed) }
    }

    private func until(_ isTrue: () -> Bool) async {
        while !isTrue() { await Task.yield() }
    }

    @Test("one waiter more than the queue holds is turned away, and later served") func full() async throws {
        let workers = WorkerThreads(name: "test", threads: 2, maximumQueueLength: 3)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<5 {
                group.addTask {
                    try await workers.run { _ in
                        gate.pass()
                        return number
                    }
                }
            }
            await until { workers.counts.running == 2 && workers.counts.queued == 3 }
            await #expect(throws: WorkerThreads.Full.self) { try await workers.run { _ in 5 } }
            #expect(workers.counts.threads == 2)
            gate.open()
            var seen: Set<Int> = []
            for try await number in group { seen.insert(number) }
            #expect(seen == [0, 1, 2, 3, 4])
        }
        #expect(try await workers.run { _ in 5 } == 5)
        await workers.shutdown()
        #expect(workers.counts.threads == 0)
        await #expect(throws: WorkerThreads.Full.self) { try await workers.run { _ in 6 } }
    }

    @Test("a queue in which a job would wait too long is full, however short") func maximumWait() async throws {
        let workers = WorkerThreads(name: "test", threads: 1, maximumQueueLength: 100, maximumWaitMilliseconds: 50)
        _ = try await workers.run { _ in usleep(80_000) }
        let gate = Gate()
        let refused = Count()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<90 {
                group.addTask {
                    do {
                        try await workers.run { _ in gate.pass() }
                    } catch {
                        refused.increment()
                    }
                }
            }
            await until { workers.counts.running == 1 && refused.value + workers.counts.queued == 89 }
            #expect(refused.value > 0)
            #expect(workers.counts.queued < 60)
            gate.open()
        }
        await workers.shutdown()
    }

    @Test("a cancelled waiter leaves the queue without having run; one that runs gets its result") func cancellation() async throws {
        let workers = WorkerThreads(name: "test", threads: 1, maximumQueueLength: 1)
        let gate = Gate()
        let runs = Atomic<Int>(0)
        let running = Task {
            try await workers.run { _ in
                gate.pass()
                return "done"
            }
        }
        await until { workers.counts.running == 1 }
        let waiting = Task {
            try await workers.run { _ in _ = runs.add(1, ordering: .relaxed) }
        }
        await until { workers.counts.queued == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(workers.counts.queued == 0)
        running.cancel()
        let next = Task { try await workers.run { _ in "next" } }
        await until { workers.counts.queued == 1 }
        gate.open()
        #expect(try await running.value == "done")
        #expect(try await next.value == "next")
        #expect(runs.load(ordering: .relaxed) == 0)
        await workers.shutdown()
    }

    @Test("a task cancelled before it asks is not served") func cancelledBefore() async throws {
        let workers = WorkerThreads(name: "test", threads: 1, maximumQueueLength: 8)
        let gate = Gate()
        let running = Task { try await workers.run { _ in gate.pass() } }
        await until { workers.counts.running == 1 }
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await workers.run { _ in }
        }
        await #expect(throws: CancellationError.self) { try await late.value }
        gate.open()
        try await running.value
    }

    @Test("shutting down cancels what waits and lets the rest finish") func shutdown() async throws {
        let workers = WorkerThreads(name: "test", threads: 1, maximumQueueLength: 8)
        let gate = Gate()
        let running = Task {
            try await workers.run { _ in
                gate.pass()
                return 1
            }
        }
        await until { workers.counts.running == 1 }
        let waiting = Task { try await workers.run { _ in 2 } }
        await until { workers.counts.queued == 1 }
        async let end: Void = workers.shutdown()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        gate.open()
        #expect(try await running.value == 1)
        await end
        #expect(workers.counts.threads == 0)
    }

    @Test("threads start with work and end without it, again and again") func idle() async throws {
        let workers = WorkerThreads(name: "test", threads: 3, maximumQueueLength: 100, idleMilliseconds: 1)
        #expect(workers.counts.threads == 0)
        for round in 0..<300 {
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...4 { group.addTask { try await workers.run { _ in number } } }
                return try await group.reduce(0, +)
            }
            #expect(sum == 10)
            if round.isMultiple(of: 10) { await until { workers.counts.threads == 0 } }
        }
    }

    @Test("the hasher says that it is busy") func busy() async throws {
        let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 64, passes: 1), threads: 1, maximumQueueLength: 0)
        let gate = Gate()
        let running = Task { try await hasher.workers.run { _ in gate.pass() } }
        await until { hasher.workers.counts.running == 1 }
        await #expect(throws: PasswordHasher.Busy.self) { try await hasher.hash("x") }
        gate.open()
        try await running.value
        _ = try await hasher.hash("x")
    }

    @Test("places are as many as can be served, and free when they are given back") func places() async throws {
        let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 64, passes: 1), threads: 1, maximumQueueLength: 1)
        let first = try hasher.place()
        var second: PasswordHasher.Place? = try hasher.place()
        #expect(throws: PasswordHasher.Busy.self) { try hasher.place() }
        #expect(hasher.load.refused == 1)
        #expect(throws: PasswordHasher.Busy.self) { try hasher.intent() }
        second = nil
        var intent: PasswordHasher.Intent? = try hasher.intent()
        #expect(throws: PasswordHasher.Busy.self) { try hasher.intent() }
        intent = nil
        intent = try hasher.intent()
        withExtendedLifetime(intent) {}
        second = try hasher.place()
        #expect(throws: PasswordHasher.Busy.self) { try hasher.place() }
        withExtendedLifetime((first, second)) {}
    }

    @Test("a place behind jobs that take too long is none, however few they are") func latePlaces() async throws {
        let workers = WorkerThreads(name: "test", threads: 1, maximumQueueLength: 100, maximumWaitMilliseconds: 50)
        // An eighth of it counts.
        _ = try await workers.run { _ in usleep(800_000) }
        #expect(workers.enter() && workers.enter())
        #expect(!workers.enter(), "it would wait for a job of 100 ms")
        workers.leave()
        #expect(workers.enter())
        await workers.shutdown()
        #expect(!workers.enter())
    }
}

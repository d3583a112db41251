import Glibc
import Synchronization
import Testing
import Turns

@testable import Postgres

@Suite("Statements of a turn") struct DriverTurnTests {
    private final class Signs: Sendable {
        let hasBegun = Atomic<Bool>(false)
        let mayEnd = Atomic<Bool>(false)
    }

    private static func request() -> Request {
        Request(kind: .unit, settings: TransactionSettings(), first: ("SELECT 1" as SQL).resolved())
    }

    private static func carryOut(_ request: Request, on driver: Driver) async {
        await withUnsafeContinuation { continuation in
            request.continuation = continuation
            driver.submit(request)
        }
    }

    @Test("A turn that goes on and on holds up nobody else's statements, and its own until its end only") func otherThreads() async throws {
        try await TestDatabase.withPool { pool, _ async throws in
            _ = try await pool.query("SELECT 1")
            let driver = pool.nextDriver()
            let (held, free) = (Self.request(), Self.request())
            let signs = Signs()
            async let turn: Void = SystemThread.run(name: "turn") {
                let turn = Turn()
                turn.begin()
                driver.submit(held)
                signs.hasBegun.store(true, ordering: .releasing)
                let limit = monotonicNow() + 10_000_000_000
                while !signs.mayEnd.load(ordering: .acquiring), monotonicNow() < limit { usleep(1000) }
                turn.end()
            }
            while !signs.hasBegun.load(ordering: .acquiring) { try await Task.sleep(for: .milliseconds(1)) }
            let begin = monotonicNow()
            await Self.carryOut(free, on: driver)
            #expect(monotonicNow() - begin < 5_000_000_000, "the turn was waited for")
            signs.mayEnd.store(true, ordering: .releasing)
            try await turn
            #expect(free.failure == nil)
            // What came after it was answered, so it was.
            await Self.carryOut(Self.request(), on: driver)
            #expect(held.isDone && held.failure == nil)
        }
    }
}

import Synchronization

/// Shares the database among tenants: a bounded number of statements of each at once, and turns where all together want too much.
///
/// Below the bounds a statement passes at once. Beyond them it waits in its tenant's line; whenever a place becomes free, the tenants that
/// wait take turns, one statement each, however long their lines are.
final class TenantTurns: Sendable {
    struct Limits: Sendable {
        /// Statements under way at once, of all tenants.
        var total: Int
        /// Of one tenant.
        var tenant: Int
        /// Statements that wait: of all tenants, and of one.
        var waiting = 2048
        var tenantWaiting = 256
        /// How long a statement waits at most.
        var patience: Duration = .seconds(5)
        /// How long a statement should wait: a line that moves so slowly that the next would wait longer is full, however short.
        var target: Duration?
    }

    /// No place in the line, or none free in time.
    struct Overload: Error {}

    /// A tenant's statements under way and waiting.
    ///
    /// `@unchecked Sendable`: confined to the lock.
    private final class Line: @unchecked Sendable {
        var running = 0
        var waiting = 0
        var waiters = Queue<Waiter>()
        /// How long a place in the line took of late, on average.
        var pace = Duration.zero
        /// Whether it is in ``State/turns``: it has somebody waiting, and room.
        var isListed = false
    }

    /// Somebody in a line.
    ///
    /// `@unchecked Sendable`: confined to the lock.
    private final class Waiter: @unchecked Sendable {
        /// Nil: not yet in the line, or done with it.
        var continuation: CheckedContinuation<Void, any Error>?
        var isCancelled = false
        let deadline: ContinuousClock.Instant
        let joined = ContinuousClock.now
        /// In the line, counted from one.
        var position = 1

        init(deadline: ContinuousClock.Instant) {
            self.deadline = deadline
        }
    }

    private struct State {
        var running = 0
        var waiting = 0
        var lines: [String: Line] = [:]
        var turns = Queue<Line>()
        var isSweeping = false
        /// Whose wait is over, and why where it is not their turn.
        var called: [(CheckedContinuation<Void, any Error>, (any Error)?)] = []
    }

    /// Lines that are remembered though nobody stands in them.
    private static let keptLines = 4096
    /// Statements that may wait however slowly the line moves.
    private static let shortLine = 8

    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// Statements under way at the moment.
    var running: Int { state.withLock { $0.running } }

    /// Statements that wait at the moment.
    var waiting: Int { state.withLock { $0.waiting } }

    /// Runs `body` when it is the tenant's turn.
    ///
    /// - Parameter tenant: its id.
    /// - Throws: ``Overload``, `CancellationError`, and what `body` throws.
    func take<R>(_ tenant: String, _ body: () async throws -> R) async throws -> R {
        if !pass(tenant) { try await wait(tenant) }
        defer { leave(tenant) }
        return try await body()
    }

    /// A tenant's place, held until the object is gone.
    final class Place: Sendable {
        private let turns: TenantTurns
        private let tenant: String

        fileprivate init(_ turns: TenantTurns, _ tenant: String) {
            self.turns = turns
            self.tenant = tenant
        }

        deinit { turns.leave(tenant) }
    }

    /// As ``take(_:_:)``, for what outlives a function.
    func hold(_ tenant: String) async throws -> Place {
        if !pass(tenant) { try await wait(tenant) }
        return Place(self, tenant)
    }

    /// A place if one is free now.
    func holdAtOnce(_ tenant: String) -> Place? {
        pass(tenant) ? Place(self, tenant) : nil
    }

    private func pass(_ tenant: String) -> Bool {
        state.withLock { state in
            let line = Self.line(of: tenant, &state)
            // Where there is a place and nobody of the tenant waits, no other tenant is waiting for that place either.
            guard line.waiting == 0, line.running < limits.tenant, state.running < limits.total else { return false }
            line.running += 1
            state.running += 1
            return true
        }
    }

    private static func line(of tenant: String, _ state: inout State) -> Line {
        if let line = state.lines[tenant] { return line }
        if state.lines.count >= keptLines { state.lines = state.lines.filter { $0.value.running > 0 || $0.value.waiting > 0 } }
        let line = Line()
        state.lines[tenant] = line
        return line
    }

    /// Changes the state, and wakes those whose wait that ends: outside the lock, since a task that is woken while somebody cancels it is waited
    /// for, and whoever cancels waits for the lock.
    private func change<R: Sendable>(_ body: (inout State) -> R) -> R {
        let (result, called) = state.withLock { state in
            let result = body(&state)
            let called = state.called
            if !called.isEmpty { state.called = [] }
            return (result, called)
        }
        for (continuation, error) in called {
            if let error { continuation.resume(throwing: error) } else { continuation.resume() }
        }
        return result
    }

    private func leave(_ tenant: String) {
        change { state in
            guard let line = state.lines[tenant] else { return }
            line.running -= 1
            state.running -= 1
            list(line, &state)
            admit(&state)
        }
    }

    private func list(_ line: Line, _ state: inout State) {
        guard !line.isListed, line.waiting > 0, line.running < limits.tenant else { return }
        line.isListed = true
        state.turns.append(line)
    }

    /// Gives free places to those whose turn it is.
    private func admit(_ state: inout State) {
        while state.running < limits.total, let line = state.turns.popFirst() {
            line.isListed = false
            while let waiter = line.waiters.popFirst() {
                // Who has given up is only passed over here.
                guard let continuation = waiter.continuation.take() else { continue }
                line.waiting -= 1
                line.running += 1
                state.waiting -= 1
                state.running += 1
                if limits.target != nil {
                    line.pace += (waiter.joined.duration(to: .now) / waiter.position - line.pace) / 16
                }
                state.called.append((continuation, nil))
                break
            }
            list(line, &state)
        }
    }

    private func wait(_ tenant: String) async throws {
        let waiter = Waiter(deadline: .now + limits.patience)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let refusal = change({ join(tenant, waiter, continuation, &$0) }) { continuation.resume(throwing: refusal) }
            }
        } onCancel: {
            change { state in
                waiter.isCancelled = true
                guard let continuation = waiter.continuation.take() else { return }
                state.lines[tenant]?.waiting -= 1
                state.waiting -= 1
                state.called.append((continuation, CancellationError()))
            }
        }
    }

    /// - Returns: why there is no place in the line.
    private func join(
        _ tenant: String, _ waiter: Waiter, _ continuation: CheckedContinuation<Void, any Error>, _ state: inout State
    ) -> (any Error)? {
        if waiter.isCancelled { return CancellationError() }
        let line = Self.line(of: tenant, &state)
        if isFull(line, state) { return Overload() }
        waiter.continuation = continuation
        line.waiters.append(waiter)
        line.waiting += 1
        state.waiting += 1
        waiter.position = line.waiting
        list(line, &state)
        // A place may have become free since the attempt to pass.
        admit(&state)
        startSweeping(&state)
        return nil
    }

    private func isFull(_ line: Line, _ state: State) -> Bool {
        if state.waiting >= limits.waiting || line.waiting >= limits.tenantWaiting { return true }
        guard let target = limits.target, line.waiting >= Self.shortLine else { return false }
        return line.pace * line.waiting > target
    }

    /// Whether a statement that came now would find a place, at once or in the line.
    func hasRoom(for tenant: String) -> Bool {
        state.withLock { state in state.lines[tenant].map { !isFull($0, state) } ?? (state.waiting < limits.waiting) }
    }

    /// Ends the wait of those whose patience is over, for as long as anybody waits.
    private func startSweeping(_ state: inout State) {
        guard !state.isSweeping, state.waiting > 0 else { return }
        state.isSweeping = true
        Task {
            repeat { try? await Task.sleep(for: min(limits.patience, .milliseconds(250))) } while sweep()
        }
    }

    /// - Returns: whether somebody still waits.
    private func sweep() -> Bool {
        change { state in
            let now = ContinuousClock.now
            for line in state.lines.values where line.waiting > 0 {
                while let waiter = line.waiters.first, waiter.continuation == nil || waiter.deadline <= now {
                    line.waiters.popFirst()
                    guard let continuation = waiter.continuation.take() else { continue }
                    line.waiting -= 1
                    state.waiting -= 1
                    state.called.append((continuation, Overload()))
                }
            }
            state.isSweeping = state.waiting > 0
            return state.isSweeping
        }
    }
}

/// A first-in, first-out queue that appends and removes in constant time, amortised.
private struct Queue<Element> {
    private var items: [Element?] = []
    private var head = 0

    var first: Element? { head < items.count ? items[head] : nil }

    mutating func append(_ element: Element) { items.append(element) }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head].take()
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 64, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }
}

/// Makes and verifies password hashes on threads of its own, never on the cooperative pool.
///
/// A password is its UTF-8 as given. It is not normalised: the systems that hashes are imported from do not either, so normalising would
/// lock those users out. Callers bound its length (`PasswordPolicy` does for new ones).
///
/// A thread keeps its working memory from one hash to the next, which nearly doubles what a core does; after five seconds without work it
/// ends and gives it back.
public final class PasswordHasher: Sendable {
    /// The queue is full, or the hasher was shut down: try again later.
    public struct Busy: Error {}

    /// What came of a verification.
    public enum Outcome: Sendable, Equatable {
        case wrong
        case right
        /// Store this hash of the same password in place of the old one.
        case rightNeedsUpgrade(PasswordHash)
    }

    public let parameters: PasswordParameters
    let workers: WorkerThreads

    /// - Parameters:
    ///   - parameters: of new hashes; weaker ones are replaced when their password is next seen.
    ///   - threads: how many hashes are computed at once, at least 1. Each takes the memory of `parameters` while it works.
    ///   - maximumQueueLength: how many callers may wait beyond those being served.
    public convenience init(parameters: PasswordParameters = .recommended, threads: Int = 2, maximumQueueLength: Int = 64) {
        self.init(parameters: parameters, threads: threads, maximumQueueLength: maximumQueueLength, idleMilliseconds: 5000)
    }

    init(parameters: PasswordParameters, threads: Int, maximumQueueLength: Int, idleMilliseconds: Int) {
        self.parameters = parameters
        workers = WorkerThreads(
            name: "passwords", threads: threads, maximumQueueLength: maximumQueueLength, idleMilliseconds: idleMilliseconds,
            memoryKiB: parameters.memoryKiB, maximumWaitMilliseconds: 300)
    }

    deinit {
        workers.close()
    }

    /// Argon2id as a PHC string, with a random salt of 16 bytes.
    ///
    /// - Throws: `Busy`; `CancellationError` if the task is cancelled before its turn came; any other error is a failure of the system,
    ///   such as want of memory.
    public func hash(_ password: String) async throws -> PasswordHash {
        try await run(password) { [parameters] password, memory in
            try PasswordHash.make(password, parameters: parameters, memory: memory)
        }
    }

    /// Whether the password is the one that was hashed.
    ///
    /// A hash in need of an upgrade costs its own verification and one of `parameters`, whether or not the password is right: a cheap hash from
    /// elsewhere would otherwise answer faster than an account that does not exist. One that costs more than `parameters` takes longer, as
    /// nothing can hide.
    ///
    /// - Throws: as `hash(_:)`; `CryptoError` where the system's policy forbids the hash's function.
    public func verify(_ password: String, against hash: PasswordHash) async throws -> Outcome {
        try await run(password) { [parameters] password, memory in
            let isRight = try hash.matches(password, memory: memory)
            guard hash.needsUpgrade(to: parameters) else { return isRight ? .right : .wrong }
            let upgraded = try PasswordHash.make(password, parameters: parameters, memory: memory)
            return isRight ? .rightNeedsUpgrade(upgraded) : .wrong
        }
    }

    /// Takes as long as verifying a hash of the configured parameters and is always wrong: for accounts that do not exist.
    ///
    /// - Throws: as `hash(_:)`.
    public func verifyAgainstNothing(_ password: String) async throws {
        try await run(password) { [parameters] password, memory in
            _ = try PasswordHash.make(password, parameters: parameters, memory: memory)
        }
    }

    /// What the threads are doing, for metrics.
    public struct Load: Sendable {
        /// Hashes being computed, waiting, and refused with ``Busy`` since the start.
        public let running: Int
        public let waiting: Int
        public let refused: Int
        /// How many may be computed at once, and how many may wait.
        public let runningLimit: Int
        public let waitingLimit: Int
    }

    public var load: Load {
        let counts = workers.counts
        return Load(
            running: counts.running, waiting: counts.queued, refused: workers.refusals, runningLimit: workers.maximumThreads,
            waitingLimit: workers.maximumQueueLength)
    }

    /// Among those whose password is about to be checked, until the object is gone.
    public final class Place: Sendable {
        private let workers: WorkerThreads

        fileprivate init(_ workers: WorkerThreads) {
            self.workers = workers
        }

        deinit { workers.leave() }
    }

    /// One of those who find out whether a password is to be checked at all, until the object is gone.
    public final class Intent: Sendable {
        private let workers: WorkerThreads

        fileprivate init(_ workers: WorkerThreads) {
            self.workers = workers
        }

        deinit { workers.withdraw() }
    }

    /// To be had before anything is begun about a password: by a quarter of those who may wait in the queue at once, and by nobody while there is no
    /// ``place()``.
    ///
    /// - Throws: `Busy`.
    public func intent() throws -> Intent {
        guard workers.announce() else { throw Busy() }
        return Intent(workers)
    }

    /// To be had before a password is checked, so that no more is begun than can be finished in time.
    ///
    /// - Throws: `Busy`.
    public func place() throws -> Place {
        guard workers.enter() else { throw Busy() }
        return Place(workers)
    }

    /// Refuses further work with `Busy`, cancels what waits, and returns when the threads have ended. Idempotent.
    public func shutdown() async {
        await workers.shutdown()
    }

    private func run<R: Sendable>(
        _ password: String, _ work: @escaping @Sendable (_ password: [UInt8], _ memory: HashMemory) throws -> R
    ) async throws -> R {
        do {
            return try await workers.run { memory in
                var bytes = Array(password.utf8)
                defer { wipe(&bytes) }
                return try work(bytes, memory)
            }
        } catch is WorkerThreads.Full {
            throw Busy()
        }
    }
}

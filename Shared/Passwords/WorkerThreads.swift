internal import CPasswordMemory
internal import Glibc

/// A bounded number of threads with a bounded queue, for work that takes long or blocks.
///
/// Threads start when there is work and end, with their memory, when there was none for a while.
///
/// Unchecked because everything mutable is read and written under `mutex` alone.
final class WorkerThreads: @unchecked Sendable {
    /// The queue is full, the system has no room for a thread, or the threads were closed.
    struct Full: Error {}

    private struct Job {
        let id: UInt64
        /// Does the work; what it returns tells the waiter.
        let run: @Sendable (HashMemory) -> @Sendable () -> Void
        let cancel: @Sendable () -> Void
    }

    private let name: String
    let maximumThreads: Int
    let maximumQueueLength: Int
    private let idleMilliseconds: Int
    private let memoryKiB: Int
    private let maximumWaitNanoseconds: Int

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var queue: [Job] = []
    private var lastID: UInt64 = 0
    /// Threads that take work, and those that still exist: one that is about to end takes none.
    private var threads = 0
    private var living = 0
    private var running = 0
    /// Jobs that may come, and those that will, or have.
    private var announced = 0
    private var expected = 0
    private var refused = 0
    private var isClosed = false
    /// How long a job takes, on average of late.
    private var jobNanoseconds = 0
    private var atEnd: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - idleMilliseconds: how long a thread without work lives on.
    ///   - memoryKiB: Argon2 memory that each thread keeps.
    ///   - maximumWaitMilliseconds: the queue is full when a job would wait longer, by what the last ones took.
    init(
        name: String, threads: Int, maximumQueueLength: Int, idleMilliseconds: Int = 5000, memoryKiB: Int = 0,
        maximumWaitMilliseconds: Int? = nil
    ) {
        self.name = name
        maximumThreads = max(threads, 1)
        self.maximumQueueLength = max(maximumQueueLength, 0)
        self.idleMilliseconds = idleMilliseconds
        self.memoryKiB = memoryKiB
        maximumWaitNanoseconds = maximumWaitMilliseconds.map { $0 * 1_000_000 } ?? .max
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        changed.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// How many threads live, work, and how many jobs wait.
    var counts: (threads: Int, running: Int, queued: Int) {
        withLock { (living, running, queue.count) }
    }

    /// Jobs that were refused for want of room, since the start.
    var refusals: Int { withLock { refused } }

    /// Runs the work on one of the threads and waits for it without blocking the caller's.
    ///
    /// - Throws: `Full`; `CancellationError` if the task is cancelled, or the threads closed, before the work began; what the work throws.
    func run<R: Sendable>(_ work: @escaping @Sendable (HashMemory) throws -> R) async throws -> R {
        let id = withLock {
            lastID += 1
            return lastID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<R, any Error>) in
                let job = Job(
                    id: id,
                    run: { memory in
                        let result = Result { try work(memory) }
                        return { continuation.resume(with: result) }
                    },
                    cancel: { continuation.resume(throwing: CancellationError()) })
                guard enqueue(job) else { return continuation.resume(throwing: Full()) }
                // The handler may have run before there was anything to take out of the queue.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Accepts no more work, cancels what waits, and lets the threads end after what they are doing. Idempotent.
    func close() {
        let waiting = withLock {
            isClosed = true
            defer { queue = [] }
            pthread_cond_broadcast(changed)
            return queue
        }
        for job in waiting { job.cancel() }
    }

    /// Closes and waits until the threads have ended.
    func shutdown() async {
        close()
        await withCheckedContinuation { continuation in
            let isOver = withLock {
                if living > 0 { atEnd.append(continuation) }
                return living == 0
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: The queue

    private func enqueue(_ job: Job) -> Bool {
        withLock {
            guard !isClosed, running + queue.count < maximumThreads + maximumQueueLength,
                queue.isEmpty || jobNanoseconds * queue.count / maximumThreads <= maximumWaitNanoseconds
            else {
                refused += 1
                return false
            }
            if threads < maximumThreads, threads - running <= queue.count, !startThread(), threads == 0 { return false }
            queue.append(job)
            pthread_cond_signal(changed)
            return true
        }
    }

    /// Whether a job that comes soon will have room. If so, it counts until ``leave()``.
    func enter() -> Bool {
        withLock {
            guard hasRoom() else { return false }
            expected += 1
            return true
        }
    }

    /// Whether a job that may come will have room, as it looks. If so, it counts until ``withdraw()``.
    func announce() -> Bool {
        withLock {
            guard hasRoom() else { return false }
            guard announced < max(maximumQueueLength / 4, 1) else {
                refused += 1
                return false
            }
            announced += 1
            return true
        }
    }

    func withdraw() {
        withLock { announced -= 1 }
    }

    /// Under the lock. Counts a refusal.
    private func hasRoom() -> Bool {
        if !isClosed, expected < maximumThreads + maximumQueueLength,
            expected <= maximumThreads || jobNanoseconds * (expected - maximumThreads) / maximumThreads <= maximumWaitNanoseconds
        {
            return true
        }
        refused += 1
        return false
    }

    func leave() {
        withLock { expected -= 1 }
    }

    private func cancel(_ id: UInt64) {
        let job = withLock { queue.firstIndex { $0.id == id }.map { queue.remove(at: $0) } }
        job?.cancel()
    }

    // MARK: The threads

    private func work() {
        let memory = HashMemory(kiB: memoryKiB)
        while let job = next() {
            let start = Self.nanoseconds()
            let tell = job.run(memory)
            let nanoseconds = Self.nanoseconds() - start
            withLock {
                running -= 1
                jobNanoseconds += (nanoseconds - jobNanoseconds) / 8
            }
            tell()
        }
    }

    /// The next job, or nothing when the thread is to end.
    private func next() -> Job? {
        withLock {
            var isLate = false
            while queue.isEmpty {
                if isClosed || isLate {
                    threads -= 1
                    return nil
                }
                isLate = waitForChange() == ETIMEDOUT
            }
            running += 1
            return queue.removeFirst()
        }
    }

    private static func nanoseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }

    private func waitForChange() -> Int32 {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = deadline.tv_nsec + idleMilliseconds % 1000 * 1_000_000
        deadline.tv_sec += idleMilliseconds / 1000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        return pthread_cond_timedwait(changed, mutex, &deadline)
    }

    /// Under the lock. Whether there is a thread more.
    private func startThread() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        let context = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                let threads = Unmanaged<WorkerThreads>.fromOpaque(context).takeRetainedValue()
                sp_password_thread_name(threads.name)
                threads.work()
                threads.end()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            return false
        }
        threads += 1
        living += 1
        return true
    }

    private func end() {
        let waiting = withLock { () -> [CheckedContinuation<Void, Never>] in
            living -= 1
            guard living == 0, isClosed else { return [] }
            defer { atEnd = [] }
            return atEnd
        }
        for continuation in waiting { continuation.resume() }
    }

    private func withLock<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

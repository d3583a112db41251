internal import CLibPQ
import Glibc

/// A thread outside the cooperative pool, for work that blocks.
enum SystemThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// For threads started from here on. Task-local so that a test can ask for more than there is.
    @TaskLocal static var stackBytes = 512 * 1024

    /// Starts a detached thread.
    /// - Parameter name: at most 15 bytes are shown by the system's tools.
    /// - Throws: `.unavailable` if the system has no room for another thread; `body` is not run then.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(PostgresError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        let context = Unmanaged.passRetained(
            Body {
                setName(name); body()
            })
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            throw .unavailable("the system has no room for another thread (error \(status))")
        }
    }

    /// Runs blocking work on a thread of its own and waits for it without blocking the caller's.
    static func run<R: Sendable>(name: String, _ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            do throws(PostgresError) {
                try start(name: name) { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Blocks the calling thread.
    static func sleep(milliseconds: UInt32) {
        usleep(milliseconds * 1000)
    }

    private static func setName(_ name: String) {
        sp_thread_set_name(name)
    }
}

/// Nanoseconds of the monotonic clock.
@inline(__always) func monotonicNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

import NIOCore
import NIOPosix
import Synchronization
import Testing
import Turns

@testable import ServiceKit

@Suite("Jobs of an event loop") struct EventLoopExecutorTests {
    private final class Parcel: Delivery, Sendable {
        let count = Atomic<Int>(0)
        var delivered: Int { count.load(ordering: .relaxed) }

        func deliver() {
            count.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// How many times a delivery has arrived when the next job begins, and when the loop is at rest again.
    private func deliveries(afterJobOf time: TimeAmount) async throws -> (next: Int, end: Int) {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let executor = EventLoopExecutor.of(loop)
        let parcel = Parcel()
        let next = try await loop.submit {
            var next: Task<Int, Never>?
            executor.run {
                Task(executorPreference: executor) {
                    Turn.deliver(parcel)
                    let end = NIODeadline.now() + time
                    while NIODeadline.now() < end {}
                }
                next = Task(executorPreference: executor) { parcel.delivered }
            }
            return next
        }.get()
        return (await try #require(next).value, try await loop.submit { parcel.delivered }.get())
    }

    @Test("What jobs have for others is delivered once for all of them") func together() async throws {
        // Another test may hold the loop up between two jobs.
        var attempts = 0
        repeat { attempts += 1 } while try await deliveries(afterJobOf: .zero) != (0, 1) && attempts < 20
        #expect(attempts < 20)
    }

    @Test("It does not wait for jobs that take their time") func longJobs() async throws {
        #expect(try await deliveries(afterJobOf: .milliseconds(2)) == (1, 1))
    }
}

import Synchronization

/// Carries a task's cancellation to a thread.
final class CancellationFlag: Sendable {
    private let isSet = Atomic<Bool>(false)

    func set() { isSet.store(true, ordering: .releasing) }

    func check() throws(CancellationError) {
        if isSet.load(ordering: .acquiring) { throw CancellationError() }
    }
}

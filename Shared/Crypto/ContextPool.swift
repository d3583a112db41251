internal import Synchronization

/// Idle C contexts kept for the next caller. Taking and giving back never wait longer than an array access.
final class ContextPool<Kind: Equatable & Sendable>: Sendable {
    private let idle = Mutex<[(kind: Kind, context: Handle)]>([])
    private let capacity: Int
    private let free: @Sendable (OpaquePointer) -> Void

    /// - Parameters:
    ///   - capacity: how many idle contexts to keep; more than threads that work at once are of no use.
    ///   - free: releases a context.
    init(capacity: Int = 16, free: @escaping @Sendable (OpaquePointer) -> Void) {
        self.capacity = capacity
        self.free = free
    }

    deinit {
        for (_, context) in idle.withLock({ $0 }) { free(context.pointer) }
    }

    /// An idle context of the kind, which then belongs to the caller.
    func take(_ kind: Kind) -> OpaquePointer? {
        idle.withLock { idle -> Handle? in
            guard let index = idle.lastIndex(where: { $0.kind == kind }) else { return nil }
            return idle.remove(at: index).context
        }?.pointer
    }

    /// Takes a healthy context back; one too many is freed.
    func give(_ context: OpaquePointer, _ kind: Kind) {
        let handle = Handle(pointer: context)
        let kept = idle.withLock { idle in
            guard idle.count < capacity else { return false }
            idle.append((kind: kind, context: handle))
            return true
        }
        if !kept { free(context) }
    }

    /// Releases a context whose operation failed, as its state is unknown.
    func discard(_ context: OpaquePointer) {
        free(context)
    }
}

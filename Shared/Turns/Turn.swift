internal import Glibc

/// What is ready for somebody who waits for it: a client for an answer, another thread for a message.
public protocol Delivery: AnyObject {
    /// Wakes whoever waits. Called on the thread that has put it off.
    func deliver()
}

/// What a thread does in one go, such as an event loop with the events it has in hand.
///
/// Waking somebody costs more than most of what a request is worked on, and whoever is woken for one thing takes the processor from who has more
/// for them. What is delivered at the end of a turn wakes each of them once, for all of it.
///
/// `@unchecked Sendable`: used by its own thread only.
public final class Turn: @unchecked Sendable {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key, nil)
        precondition(status == 0, "pthread_key_create failed: \(status)")
        return key
    }()

    private var due: [any Delivery] = []

    public init() {}

    /// Delivers at the end of this thread's turn, and at once where it has none.
    public static func deliver(_ delivery: any Delivery) {
        guard let turn = pthread_getspecific(key) else { return delivery.deliver() }
        Unmanaged<Turn>.fromOpaque(turn).takeUnretainedValue().putOff(delivery)
    }

    private func putOff(_ delivery: any Delivery) {
        if due.last !== delivery { due.append(delivery) }
    }

    /// Makes this the calling thread's turn, until it ends. It must live as long.
    public func begin() {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Delivers what was put off until now. What that leads to, and comes from this thread, is delivered as well.
    public func deliver() {
        while !due.isEmpty {
            var deliveries: [any Delivery] = []
            swap(&deliveries, &due)
            for delivery in deliveries { delivery.deliver() }
            deliveries.removeAll(keepingCapacity: true)
            if due.isEmpty { swap(&deliveries, &due) }
        }
    }

    /// Delivers what was put off. From here on the thread has no turn.
    public func end() {
        pthread_setspecific(Self.key, nil)
        deliver()
    }
}

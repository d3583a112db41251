internal import NIOCore

/// The connections of an event loop on which something is under way; looked after once a second. Used on that loop only.
final class ConnectionWatch {
    private let eventLoop: any EventLoop
    private var connections: [ConnectionHandler] = []
    private var isScheduled = false

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func add(_ connection: ConnectionHandler) {
        guard connection.place == nil else { return }
        connection.place = connections.count
        connections.append(connection)
        if !isScheduled { schedule() }
    }

    func remove(_ connection: ConnectionHandler) {
        guard let place = connection.place else { return }
        connection.place = nil
        let last = connections.removeLast()
        if place < connections.count {
            connections[place] = last
            last.place = place
        }
    }

    private func schedule() {
        isScheduled = true
        eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: .seconds(1)) { self.look() }
    }

    private func look() {
        isScheduled = false
        for connection in connections where !connection.watch() { remove(connection) }
        if !connections.isEmpty { schedule() }
    }
}

import Hummingbird
import NIOCore
import OAuth
import ServiceKit
import ServiceLifecycle
import Synchronization
import Tenancy

/// The resource servers that listen for revocations: how many may, who is woken by what, and who reads too slowly.
///
/// A listener has a place in the log and no queue: woken, it reads on from there. So memory is bounded by their number, whatever is revoked.
final class RevocationStreams: Service {
    struct Limits: Sendable {
        var perTenant = 100
        var perClient = 10
        /// How often each listener is told that it is current.
        var heartbeat: Duration = .seconds(1)
        /// A listener that takes nothing for so long is cut off.
        var patience: Duration = .seconds(10)
    }

    fileprivate struct Listener {
        let tenant: TenantID
        let client: ClientID
        let channel: any Channel
        let bell: AsyncStream<Void>.Continuation
        var hasNews = false
        var writingSince: ContinuousClock.Instant?
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var nextID = 0
    }

    let limits: Limits
    private let state = Mutex(State())

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var count: Int { state.withLock { $0.listeners.count } }

    /// - Parameter channel: the connection, closed where its other end does not read.
    /// - Throws: ``TooManyListeners``.
    func join(_ client: ClientID, of tenant: TenantID, on channel: any Channel) throws(TooManyListeners) -> RevocationSeat {
        let (bells, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> Int? in
            let tenants = state.listeners.values.filter { $0.tenant == tenant }
            guard tenants.count < limits.perTenant, tenants.count(where: { $0.client == client }) < limits.perClient else { return nil }
            state.nextID += 1
            state.listeners[state.nextID] = Listener(tenant: tenant, client: client, channel: channel, bell: bell)
            return state.nextID
        }
        guard let id else { throw TooManyListeners() }
        return RevocationSeat(id: id, streams: self, bells: bells)
    }

    /// Something of the tenant has been revoked; nil: perhaps of any.
    func announce(_ tenant: TenantID?) {
        state.withLock { state in
            for (id, listener) in state.listeners where tenant == nil || listener.tenant == tenant {
                state.listeners[id]?.hasNews = true
                listener.bell.yield()
            }
        }
    }

    /// Rings for all, at every heartbeat.
    func run() async throws {
        while !Task.isShuttingDownGracefully {
            do {
                try await cancelWhenGracefulShutdown { [limits] in try await Task.sleep(for: limits.heartbeat) }
            } catch {
                return
            }
            beat()
        }
    }

    private func beat() {
        let now = ContinuousClock.now
        let stuck = state.withLock { state -> [any Channel] in
            for listener in state.listeners.values { listener.bell.yield() }
            return state.listeners.values.filter { $0.writingSince.map { $0 + limits.patience < now } ?? false }.map(\.channel)
        }
        for channel in stuck { channel.close(promise: nil) }
    }

    fileprivate func leave(_ id: Int) {
        state.withLock { $0.listeners.removeValue(forKey: id) }?.bell.finish()
    }

    fileprivate func takeNews(_ id: Int) -> Bool {
        state.withLock { state in
            defer { state.listeners[id]?.hasNews = false }
            return state.listeners[id]?.hasNews ?? false
        }
    }

    fileprivate func setWriting(_ id: Int, _ isWriting: Bool) {
        state.withLock { $0.listeners[id]?.writingSince = isWriting ? .now : nil }
    }
}

/// A listener's place among the others; given up with its last owner.
final class RevocationSeat: Sendable {
    /// Rings for news and at every heartbeat; rings that nobody heard count once.
    let bells: AsyncStream<Void>
    private let id: Int
    private let streams: RevocationStreams

    fileprivate init(id: Int, streams: RevocationStreams, bells: AsyncStream<Void>) {
        self.id = id
        self.streams = streams
        self.bells = bells
    }

    deinit { streams.leave(id) }

    /// Whether something has been revoked since this was last asked.
    func takeNews() -> Bool { streams.takeNews(id) }

    /// Writes, and is cut off if the other end takes too long to read.
    @concurrent func write(_ text: String, to writer: inout any ResponseBodyWriter) async throws {
        streams.setWriting(id, true)
        defer { streams.setWriting(id, false) }
        try await writer.write(ByteBuffer(string: text))
    }
}

/// The tenant, or the client, has as many listeners as it may.
struct TooManyListeners: Refusal {
    func response() -> Response {
        OAuthErrorResponse.make(
            "temporarily_unavailable", "too many streams are open", status: .tooManyRequests, headers: [.retryAfter: "5"])
    }
}

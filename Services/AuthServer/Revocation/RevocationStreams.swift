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
        var total = 10_000
        var perTenant = 100
        var perClient = 10
        /// How often each listener is told that it is current.
        var heartbeat: Duration = .seconds(1)
        /// A listener that takes nothing for so long is cut off.
        var patience: Duration = .seconds(10)
    }

    fileprivate struct Listener {
        let client: ClientID
        let channel: any Channel
        let bell: AsyncStream<Void>.Continuation
        var hasNews = false
        var writingSince: ContinuousClock.Instant?
    }

    private struct Holder: Hashable {
        let tenant: TenantID
        let client: ClientID
    }

    private struct State {
        /// By tenant, so that a revocation costs those nothing whom it does not concern.
        var listeners: [TenantID: [Int: Listener]] = [:]
        var clients: [Holder: Int] = [:]
        var count = 0
        var nextID = 0
        var refused = 0
    }

    let limits: Limits
    private let state = Mutex(State())

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var count: Int { state.withLock { $0.count } }

    /// How many were not let in.
    var refusals: Int { state.withLock { $0.refused } }

    /// - Parameter channel: the connection, closed where its other end does not read.
    /// - Throws: ``TooManyListeners``.
    func join(_ client: ClientID, of tenant: TenantID, on channel: any Channel) throws(TooManyListeners) -> RevocationSeat {
        let (bells, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> Int? in
            let holder = Holder(tenant: tenant, client: client)
            let (ofTenant, ofClient) = (state.listeners[tenant]?.count ?? 0, state.clients[holder] ?? 0)
            guard state.count < limits.total, ofTenant < limits.perTenant, ofClient < limits.perClient else {
                state.refused += 1
                return nil
            }
            state.count += 1
            state.nextID += 1
            state.clients[holder] = ofClient + 1
            state.listeners[tenant, default: [:]][state.nextID] = Listener(client: client, channel: channel, bell: bell)
            return state.nextID
        }
        guard let id else { throw TooManyListeners() }
        return RevocationSeat(id: id, tenant: tenant, streams: self, bells: bells)
    }

    /// Something of the tenant has been revoked; nil: perhaps of any.
    func announce(_ tenant: TenantID?) {
        state.withLock { state in
            for tenant in tenant.map({ [$0] }) ?? Array(state.listeners.keys) {
                for (id, listener) in state.listeners[tenant] ?? [:] {
                    state.listeners[tenant]?[id]?.hasNews = true
                    listener.bell.yield()
                }
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
            state.listeners.values.flatMap { listeners in
                listeners.values.compactMap { listener in
                    listener.bell.yield()
                    return listener.writingSince.map { $0 + limits.patience < now } ?? false ? listener.channel : nil
                }
            }
        }
        for channel in stuck { channel.close(promise: nil) }
    }

    fileprivate func leave(_ id: Int, of tenant: TenantID) {
        let listener = state.withLock { state -> Listener? in
            guard let listener = state.listeners[tenant]?.removeValue(forKey: id) else { return nil }
            if state.listeners[tenant]?.isEmpty ?? false { state.listeners[tenant] = nil }
            let holder = Holder(tenant: tenant, client: listener.client)
            state.clients[holder] = state.clients[holder].flatMap { $0 > 1 ? $0 - 1 : nil }
            state.count -= 1
            return listener
        }
        listener?.bell.finish()
    }

    fileprivate func takeNews(_ id: Int, of tenant: TenantID) -> Bool {
        state.withLock { state in
            defer { state.listeners[tenant]?[id]?.hasNews = false }
            return state.listeners[tenant]?[id]?.hasNews ?? false
        }
    }

    fileprivate func setWriting(_ id: Int, of tenant: TenantID, _ isWriting: Bool) {
        state.withLock { $0.listeners[tenant]?[id]?.writingSince = isWriting ? .now : nil }
    }
}

/// A listener's place among the others; given up with its last owner.
final class RevocationSeat: Sendable {
    /// Rings for news and at every heartbeat; rings that nobody heard count once.
    let bells: AsyncStream<Void>
    private let id: Int
    private let tenant: TenantID
    private let streams: RevocationStreams

    fileprivate init(id: Int, tenant: TenantID, streams: RevocationStreams, bells: AsyncStream<Void>) {
        self.id = id
        self.tenant = tenant
        self.streams = streams
        self.bells = bells
    }

    deinit { streams.leave(id, of: tenant) }

    /// Whether something has been revoked since this was last asked.
    func takeNews() -> Bool { streams.takeNews(id, of: tenant) }

    /// Writes, and is cut off if the other end takes too long to read.
    @concurrent func write(_ text: String, to writer: inout any ResponseBodyWriter) async throws {
        streams.setWriting(id, of: tenant, true)
        defer { streams.setWriting(id, of: tenant, false) }
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

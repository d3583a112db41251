import Cryptography
import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import Revocation
import ServiceKit
import Synchronization
import Tenancy

/// Decisions about requests that come again byte for byte, as those of back ends do: parsed, authenticated and narrowed once.
///
/// A request is known by the SHA-256 of everything that the decision depended on. Whatever changes in a tenant, but for who is a member, drops
/// the tenant's decisions, which are about clients that act for themselves; one that was under way at that moment is not kept. Observes changes
/// *after* the directories that decisions are made from:
/// the other way round, one made from what they still hold would be kept.
final class RecognizedRequests: Sendable {
    struct Decision: Sendable {
        let tenant: Tenant
        let client: ClientID
        let scopes: ScopeSet
        let lifetimeSeconds: Int
        let template: AccessTokenCodec.Template
        /// By what such tokens can be revoked, whatever their `jti`.
        let revocable: RevocableToken
        let holder: StatusListStore.Holder
    }

    private struct Kept {
        let decision: Decision
        let validUntil: Int64
    }

    /// What a request is known by, and the moment at which the decision about it began.
    struct Ticket: Sendable {
        fileprivate let hash: [UInt8]
        fileprivate let epoch: UInt64
    }

    private struct State {
        var decisions: BoundedMap<[UInt8], Kept>
        var epoch: UInt64 = 0
        var isNotified = false
        var uses = CacheUses()
    }

    private let state: Mutex<State>

    init(capacity: Int = 10_000) {
        state = Mutex(State(decisions: BoundedMap(capacity: capacity)))
    }

    /// - Returns: the decision made about the same request before, if it still holds, and a ticket to keep one made now.
    func find(_ request: Request, _ context: ServiceContext, body: ByteBuffer, now: Int64) -> (Decision?, Ticket) {
        let hash = Self.hash(request, context, body)
        return state.withLock { state in
            let kept = state.isNotified ? state.decisions[hash] : nil
            let decision = kept.flatMap { $0.validUntil > now ? $0.decision : nil }
            state.uses.count(isHit: decision != nil)
            return (decision, Ticket(hash: hash, epoch: state.epoch))
        }
    }

    /// How many are kept, and how often one was found.
    var uses: CacheUses {
        state.withLock { state in
            var uses = state.uses
            (uses.entries, uses.capacity) = (state.decisions.count, state.decisions.capacity)
            return uses
        }
    }

    /// - Parameter validUntil: when the credentials that were presented end, in seconds since 1970. Those that are good once have no such
    ///   moment, and what they led to cannot be kept.
    func keep(_ decision: Decision, for ticket: Ticket, validUntil: Int64) {
        state.withLock { state in
            guard state.isNotified, state.epoch == ticket.epoch else { return }
            state.decisions[ticket.hash] = Kept(decision: decision, validUntil: validUntil)
        }
    }

    /// Every part is preceded by its kind and length, so that no two requests read alike.
    private static func hash(_ request: Request, _ context: ServiceContext, _ body: ByteBuffer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 + body.readableBytes)
        func append(_ part: String?) {
            guard let utf8 = part?.utf8 else { return bytes.append(0) }
            bytes.append(1)
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: utf8.count)) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: utf8)
        }
        append(request.head.path)
        append(request.head.authority)
        // Every field of the name, as a repeated one is decided about in another way than a single one.
        for field in request.headers {
            switch field.name {
            case .authorization: bytes.append(1)
            case .contentType: bytes.append(2)
            case .tenantID: bytes.append(3)
            case .forwardedHost where context.isFromGateway: bytes.append(4)
            default: continue
            }
            append(field.value)
        }
        bytes.append(0)
        body.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
        return SHA256.hash(bytes)
    }
}

extension RecognizedRequests: ChangeObserver {
    func changed(_ change: AuthChange) {
        guard change.table != .membership else { return }
        state.withLock { state in
            state.epoch += 1
            state.decisions.removeAll { _, kept in kept.decision.tenant.id == change.tenant }
        }
    }

    func notificationsBegan() { reset(isNotified: true) }
    func notificationsStopped() { reset(isNotified: false) }

    private func reset(isNotified: Bool) {
        state.withLock { state in
            state.epoch += 1
            state.decisions.removeAll()
            state.isNotified = isNotified
        }
    }
}

internal import AsyncHTTPClient
internal import JOSE
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization
internal import Tenancy

/// The issuer's public keys, fetched when they are first needed, again after five minutes, and when a token names one that is not among them.
final class IssuerKeys: Sendable {
    struct Known: Sendable {
        let keys: JWSVerificationKeys
        /// As the authorization server says, never as a token says.
        let tenant: TenantID
        fileprivate let fetchedAt: ContinuousClock.Instant
    }

    private struct State {
        var known: Known?
        var attemptedAt: ContinuousClock.Instant?
        var fetch: Task<Known, any Error>?
    }

    private static let freshness: Duration = .seconds(300)
    /// Keys are used for so long when the authorization server cannot be asked.
    private static let maximumAge: Duration = .seconds(86_400)
    private static let retryInterval: Duration = .seconds(2)
    private static let maximumBytes = 256 * 1024

    private let url: String
    private let http: HTTPClient
    private let state = Mutex(State())

    init(url: String, http: HTTPClient) {
        self.url = url
        self.http = http
    }

    /// - Throws: when nothing is known, and the authorization server cannot be asked.
    func containing(_ keyID: String?) async throws -> Known {
        let (known, fetch) = state.withLock { state -> (Known?, Task<Known, any Error>?) in
            let now = ContinuousClock.now
            let known = state.known.flatMap { $0.fetchedAt + Self.maximumAge > now ? $0 : nil }
            let isGood = known.map { known in keyID.map { known.keys[$0] != nil } ?? true } ?? false
            if isGood, let known, known.fetchedAt + Self.freshness > now { return (known, nil) }
            let mayAsk = state.attemptedAt.map { $0 + Self.retryInterval <= now } ?? true
            if state.fetch == nil, mayAsk {
                state.attemptedAt = now
                // Shared by all who wait, so nobody's cancellation ends it; the client has deadlines.
                state.fetch = Task { try await self.fetch() }
            }
            // Good keys serve while newer ones are fetched.
            return (known, isGood ? nil : state.fetch)
        }
        guard let fetch else {
            guard let known else { throw TokenRefusal.unavailable }
            return known
        }
        do {
            return try await fetch.value
        } catch {
            guard let known else { throw error }
            return known
        }
    }

    private func fetch() async throws -> Known {
        defer { state.withLock { $0.fetch = nil } }
        let response = try await http.execute(HTTPClientRequest(url: url), timeout: .seconds(3))
        guard response.status == .ok else { throw TokenRefusal.unavailable }
        let body = try await response.body.collect(upTo: Self.maximumBytes)
        guard let document = try JSONValue(parsing: Array(body.readableBytesView)).objectValue,
            let tenant = document["org_id"]?.stringValue.flatMap({ TenantID($0) })
        else { throw TokenRefusal.unavailable }
        let known = Known(keys: JWSVerificationKeys(try JWKSet(json: document)), tenant: tenant, fetchedAt: .now)
        state.withLock { $0.known = known }
        return known
    }
}

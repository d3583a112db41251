import AsyncHTTPClient
import FoundationEssentials
import JOSE
import JSON
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import Tenancy

/// An issuer's keys, and the only tenant for which they may speak.
struct TenantKeys: Sendable {
    /// As the authorization server says, never as a token says: whoever holds a tenant's key could sign any `org_id`.
    let tenantID: TenantID
    let keys: JWSVerificationKeys
}

/// Where a tenant's public keys come from.
protocol KeySetSource: Sendable {
    /// - Returns: nil where there is no such tenant.
    /// - Throws: when it cannot be told.
    func fetch(_ tenant: TenantSlug) async throws -> TenantKeys?
}

/// Key sets over HTTP: `{base}/t/{tenant}/oauth2/jwks`. No redirect is followed: who answers is the root of all trust.
///
/// Of several authorization servers the one that answered last is asked first, and the others when it does not.
final class HTTPKeySetSource: KeySetSource, Service {
    static let maximumBytes = 256 * 1024
    static let timeout: TimeAmount = .seconds(3)

    private let client: HTTPClient
    private let baseURLs: [String]
    private let preferred = Atomic<Int>(0)

    /// - Parameter baseURLs: not empty.
    init(baseURLs: [String]) {
        self.baseURLs = baseURLs
        client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(redirectConfiguration: .disallow)
        )
    }

    /// Keeps connections until shutdown.
    func run() async throws {
        try? await gracefulShutdown()
        try await client.shutdown()
    }

    func fetch(_ tenant: TenantSlug) async throws -> TenantKeys? {
        let first = preferred.load(ordering: .relaxed)
        var failure: any Error = KeySetUnavailable(reason: "no authorization server is named")
        for offset in baseURLs.indices {
            let index = (first + offset) % baseURLs.count
            do {
                let keys = try await fetch(tenant, from: baseURLs[index])
                preferred.store(index, ordering: .relaxed)
                return keys
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private func fetch(_ tenant: TenantSlug, from baseURL: String) async throws -> TenantKeys? {
        var request = HTTPClientRequest(url: "\(baseURL)/t/\(tenant)/oauth2/jwks")
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        let response = try await client.execute(request, timeout: Self.timeout)
        switch response.status.code {
        case 200:
            let body = try await response.body.collect(upTo: Self.maximumBytes)
            let document = try JSONValue(parsing: Array(body.readableBytesView)).objectValue
            guard let document, let tenantID = document["org_id"]?.stringValue.flatMap({ TenantID($0) }) else {
                throw KeySetUnavailable(reason: "its document names no tenant in org_id")
            }
            return TenantKeys(tenantID: tenantID, keys: JWSVerificationKeys(try JWKSet(json: document)))
        case 404:
            return nil
        default:
            throw KeySetUnavailable(reason: "the answer was status \(response.status.code)")
        }
    }
}

struct KeySetUnavailable: Error, CustomStringConvertible {
    let reason: String

    var description: String { "the key set cannot be used: \(reason)" }
}

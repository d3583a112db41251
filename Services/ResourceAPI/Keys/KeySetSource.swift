import AsyncHTTPClient
import FoundationEssentials
import JOSE
import NIOCore
import NIOHTTP1
import Tenancy

/// Where a tenant's public keys come from.
protocol KeySetSource: Sendable {
    /// - Returns: nil where the tenant has none.
    /// - Throws: when it cannot be told.
    func fetch(_ tenant: TenantSlug) async throws -> JWSVerificationKeys?
}

/// Key sets over HTTP: `{base}/t/{tenant}/oauth2/jwks`.
struct HTTPKeySetSource: KeySetSource {
    static let maximumBytes = 256 * 1024
    static let timeout: TimeAmount = .seconds(3)

    let client: HTTPClient
    let baseURL: String

    func fetch(_ tenant: TenantSlug) async throws -> JWSVerificationKeys? {
        var request = HTTPClientRequest(url: "\(baseURL)/t/\(tenant)/oauth2/jwks")
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        let response = try await client.execute(request, timeout: Self.timeout)
        switch response.status.code {
        case 200:
            let body = try await response.body.collect(upTo: Self.maximumBytes)
            return JWSVerificationKeys(try JWKSet(parsing: Array(body.readableBytesView), maximumBytes: Self.maximumBytes))
        case 404:
            return nil
        default:
            throw KeySetUnavailable(status: Int(response.status.code))
        }
    }
}

struct KeySetUnavailable: Error, CustomStringConvertible {
    let status: Int

    var description: String { "the key set was answered with status \(status)" }
}

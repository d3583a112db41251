import OAuth
import Tenancy

/// Bounded, properly encoded, none twice (RFC 6749 §3.1). Of a request that is not, nothing is believed, the redirect URI neither.
struct ParametersAreWellFormed: Sendable {
    static let maximumBytes = 8192

    func parse(_ text: [UInt8], _ tenant: Tenant?) throws -> FormParameters {
        guard text.count <= Self.maximumBytes else {
            throw failure("the request is larger than \(Self.maximumBytes) bytes", tenant)
        }
        do {
            return try FormParameters(parsing: text)
        } catch {
            throw failure(error.description, tenant)
        }
    }

    private func failure(_ description: String, _ tenant: Tenant?) -> AuthorizationFailure {
        .shown(.malformedRequest, code: "invalid_request", description: description, tenant: tenant)
    }
}

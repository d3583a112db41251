import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// The second door: nobody passes without a good token that agrees with whatever tenant the request names.
struct Gate: Sendable {
    let verifier: TokenVerifier
    /// The host of the base URL, in lower case.
    let baseHost: String
    let metadataURL: String
    let tenants: TenantLabels

    /// - Throws: ``BearerChallenge``.
    func admit(_ request: Request, _ context: ServiceContext) async throws -> Caller {
        do {
            let caller = try await verifier.verify(BearerToken(request.headers))
            context.note(tenants.label(of: caller.claims.tenant.rawValue))
            try checkTenant(request, context, caller)
            return caller
        } catch let refusal as BearerRefusal {
            throw BearerChallenge(refusal: refusal, metadataURL: metadataURL)
        }
    }

    /// The token decides; a header or subdomain may only agree.
    private func checkTenant(_ request: Request, _ context: ServiceContext, _ caller: Caller) throws(BearerRefusal) {
        let named = request.headers[values: .tenantID]
        guard named.count <= 1,
            let hints = try? TenantHints(path: nil, header: named.first, host: context.requestedHost(request), baseHost: baseHost)
        else { throw .tenantMismatch }
        let agrees = hints.names.allSatisfy { name in
            switch name {
            case .slug(let slug): slug == caller.claims.tenant
            case .id(let id): id == caller.claims.tenantID
            }
        }
        guard agrees else { throw .tenantMismatch }
    }

    /// `{table}:{action}` (RFC 6750 §3.1 `insufficient_scope`).
    func require(_ action: String, on table: String, for caller: Caller) throws {
        guard caller.claims.scopes.allows(action, on: table) else {
            throw BearerChallenge(refusal: .insufficientScope("\(table):\(action)"), metadataURL: metadataURL)
        }
    }
}

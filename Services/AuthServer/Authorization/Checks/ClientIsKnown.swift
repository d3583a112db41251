import OAuth
import Tenancy

/// The client exists in the tenant and is enabled.
struct ClientIsKnown: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory

    func find(_ parameters: FormParameters, _ named: Tenant?) async throws -> (Client, Tenant) {
        guard let text = parameters["client_id"] else {
            throw AuthorizationFailure.shown(
                .malformedRequest, code: "invalid_request", description: "client_id is missing", tenant: named)
        }
        guard let id = ClientID(text), let tenant = try await tenant(of: id, named: named),
            let client = try await clients.find(id, in: tenant.id), !client.isDisabled
        else {
            throw AuthorizationFailure.shown(.unknownClient, code: "invalid_client", description: "no such client", tenant: named)
        }
        return (client, tenant)
    }

    private func tenant(of client: ClientID, named: Tenant?) async throws -> Tenant? {
        if let named { return named }
        guard let id = try await clients.tenant(of: client), let tenant = try await tenants.find(id), !tenant.isDisabled else { return nil }
        return tenant
    }
}

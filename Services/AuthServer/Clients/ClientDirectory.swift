import OAuth
import ServiceKit
import Tenancy

/// Finds clients, and the tenant each belongs to, without asking the database twice.
struct ClientDirectory: Sendable {
    private struct Key: Hashable, Sendable {
        let tenant: TenantID
        let client: ClientID
    }

    private let clients: ReadThroughCache<Key, Client>
    private let tenants: ReadThroughCache<ClientID, TenantID>

    init(store: ClientStore) {
        clients = ReadThroughCache(capacity: 50_000) { try await store.find($0.client, in: $0.tenant) }
        tenants = ReadThroughCache(capacity: 50_000) { try await store.tenant(of: $0) }
    }

    func tenant(of client: ClientID) async throws -> TenantID? {
        try await tenants.value(for: client)
    }

    func find(_ client: ClientID, in tenant: TenantID) async throws -> Client? {
        try await clients.value(for: Key(tenant: tenant, client: client))
    }
}

extension ClientDirectory: ChangeObserver {
    func changed(_ change: AuthChange) {
        switch change.table {
        case .client, .clientSecret:
            guard let client = change.clientID else { return }
            clients.invalidate(Key(tenant: change.tenant, client: client))
            tenants.invalidate(client)
        case .role:
            clients.invalidate { $0.tenant == change.tenant }
        case .tenant, .signingKey, .membership:
            break
        }
    }

    func notificationsBegan() {
        clients.notificationsBegan()
        tenants.notificationsBegan()
    }

    func notificationsStopped() {
        clients.notificationsStopped()
        tenants.notificationsStopped()
    }
}

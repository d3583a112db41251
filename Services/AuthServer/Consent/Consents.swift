import OAuth
import Postgres
import ServiceKit
import Tenancy

/// What a person has allowed clients, as that person sees it and takes it back.
struct Consents: Sendable {
    let database: Postgres
    let clock: WallClock

    private var store: ConsentStore { ConsentStore(database: database) }

    func all(of account: AccountID, in tenant: TenantID) async throws -> [GivenConsent] {
        try await store.all(of: account, in: tenant)
    }

    /// Forgets the consent and ends every grant that the person has given the client, in one transaction.
    /// - Returns: false where there was no consent; nothing is ended then.
    func withdraw(from client: ClientID, by account: AccountID, in tenant: TenantID, origin: RequestOrigin) async throws -> Bool {
        try await database.withTransaction(settings: .account(account, in: tenant)) { transaction in
            guard try await transaction.execute(ConsentStore.deletion(account, client, in: tenant)) == 1 else { return false }
            let event = AuditEvent("consent.withdrawn", by: .user(account), on: "client", client.rawValue, from: origin)
            _ = try await transaction.batch([
                Revocation.ofGrants(from: account, to: client, in: tenant, reason: "consent withdrawn", now: clock.now),
                event.insertion(in: tenant),
            ])
            return true
        }
    }
}

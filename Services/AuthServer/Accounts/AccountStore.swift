import Postgres
import Tenancy

struct AccountStore: Sendable {
    let database: Postgres
    init(database: Postgres) { self.database = database }
    func find(_ id: AccountID, in tenant: TenantID) async throws -> (Account, Membership)? { nil }
}

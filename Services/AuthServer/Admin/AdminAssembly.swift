import Postgres
import ServiceKit

extension AdminEndpoint {
    /// Puts the administration together from what the server has.
    init(_ parts: AuthServerParts) {
        let (database, clock, issuers, vault) = (parts.database, parts.clock, parts.issuers, parts.keyVault)
        let secretVault = parts.secretVault
        let verify = parts.verifier.verify
        let tenants = Tenants(database: database, clock: clock)
        let table = AdminRoutes(
            users: UserResource(
                members: Members(database: database, clock: clock), clock: clock,
                preparePassword: NewPasswords(hasher: parts.hasher).prepare),
            invitations: InvitationResource(invitations: InvitationEntries(database: database, clock: clock), issuers: issuers),
            roles: RoleResource(roles: Roles(database: database, clock: clock)),
            clients: ClientResource(clients: Clients(database: database, secretVault: { secretVault }, clock: clock)),
            keys: KeyResource(rotation: KeyRotation(store: KeyStore(database: database), vault: vault, clock: clock), clock: clock),
            settings: SettingsResource(tenants: tenants),
            holdings: HoldingResource(holdings: Holdings(database: database, clock: clock), clock: clock, verify: verify),
            audit: AuditResource(store: AuditStore(database: database)),
            tenants: TenantResource(tenants: tenants, vault: vault, issuers: issuers)
        ).table
        self.init(
            requestTenant: parts.requestTenant, issuers: issuers,
            authenticator: AdminAuthenticator(verify: verify, members: MemberStore(database: database), clients: parts.clients),
            routes: table
        )
    }
}

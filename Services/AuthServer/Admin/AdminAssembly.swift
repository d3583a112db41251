import Postgres
import ServiceKit

extension AdminEndpoint {
    /// Puts the administration together from what the server has.
    init(
        database: Postgres, requestTenant: RequestTenant, issuers: Issuers, clients: ClientDirectory, vault: KeyVault,
        secretVault: ClientSecretVault, clock: WallClock, verify: @escaping AdminAuthenticator.Verifier,
        preparePassword: @escaping UserResource.PasswordPreparation
    ) {
        let tenants = Tenants(database: database, clock: clock)
        let table = AdminRoutes(
            users: UserResource(members: Members(database: database, clock: clock), clock: clock, preparePassword: preparePassword),
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
            requestTenant: requestTenant, issuers: issuers,
            authenticator: AdminAuthenticator(verify: verify, members: MemberStore(database: database), clients: clients), routes: table
        )
    }
}

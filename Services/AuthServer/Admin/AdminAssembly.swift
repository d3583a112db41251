import Postgres
import ServiceKit

extension AdminEndpoint {
    /// Puts the administration together from what the server has.
    init(_ parts: AuthServerParts) {
        let verify = parts.verifier.verify
        self.init(
            requestTenant: parts.requestTenant, issuers: parts.issuers,
            authenticator: AdminAuthenticator(
                verify: verify, members: AccountStore(database: parts.database), clients: parts.clients),
            routes: Self.routes(
                database: parts.database, issuers: parts.issuers, vault: parts.keyVault, secretVault: parts.secretVault,
                clock: parts.clock, verify: verify, preparePassword: NewPasswords(passwords: parts.newPassword).prepare)
        )
    }

    static func routes(
        database: Postgres, issuers: Issuers, vault: KeyVault, secretVault: ClientSecretVault, clock: WallClock,
        verify: @escaping AdminAuthenticator.Verifier, preparePassword: @escaping UserResource.PasswordPreparation
    ) -> [AdminRoute] {
        let tenants = Tenants(database: database, clock: clock)
        return AdminRoutes(
            users: UserResource(members: Members(database: database, clock: clock), clock: clock, preparePassword: preparePassword),
            invitations: InvitationResource(invitations: SentInvitations(database: database, clock: clock), issuers: issuers),
            roles: RoleResource(roles: Roles(database: database, clock: clock)),
            clients: ClientResource(clients: Clients(database: database, secretVault: { secretVault }, clock: clock)),
            keys: KeyResource(rotation: KeyRotation(store: KeyStore(database: database), vault: vault, clock: clock), clock: clock),
            settings: SettingsResource(tenants: tenants),
            holdings: HoldingResource(holdings: Holdings(database: database, clock: clock), clock: clock, verify: verify),
            audit: AuditResource(store: AuditStore(database: database)),
            tenants: TenantResource(tenants: tenants, vault: vault, issuers: issuers)
        ).table
    }
}

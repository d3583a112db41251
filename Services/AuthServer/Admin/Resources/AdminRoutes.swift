import HTTPTypes

/// The administration's table: every route, the scope it needs, what it takes and gives, and who answers.
struct AdminRoutes: Sendable {
    let users: UserResource
    let invitations: InvitationResource
    let roles: RoleResource
    let clients: ClientResource
    let keys: KeyResource
    let settings: SettingsResource
    let holdings: HoldingResource
    let audit: AuditResource
    let tenants: TenantResource

    private typealias Schemas = AdminSchemas

    private static let limit = AdminRoute.QueryParameter("limit", .integer(1...200), "So many at most; default 50.")
    private static let after = AdminRoute.QueryParameter(
        "after", .text(1...1000), "The cursor that the page before ends with: follow next.")
    private static let pages = [limit, after]

    var table: [AdminRoute] {
        [
            // Users, and what they are in the tenant.
            .init(
                .get, "users", "listUsers", "List users, by id", .users,
                query: Self.pages + [
                    .init("search", .text(1...200), "A part of the address or the name."),
                    .init("role", .text(1...63), "Those with this role."),
                ],
                .ok(Schemas.userPage), users.list),
            .init(
                .post, "users", "createUser", "Create an account in this tenant", .users, body: Schemas.newUser, .created(Schemas.user),
                users.create),
            .init(.get, "users/{user_id}", "getUser", "Read a user", .users, .ok(Schemas.user), users.get),
            .init(
                .patch, "users/{user_id}", "updateUser", "Change an account that this tenant manages", .users, body: Schemas.userChange,
                .ok(Schemas.user), users.update),
            .init(
                .delete, "users/{user_id}", "removeUser", "End the membership, and the account with it where this tenant manages it",
                .users,
                .noContent, users.remove),
            .init(
                .put, "users/{user_id}/password", "setPassword", "Set a password; ends everything the user holds", .users,
                body: Schemas.newPassword, .noContent, users.setPassword),
            .init(
                .post, "users/{user_id}/disable", "disableUser", "Disable a user in this tenant; ends everything the user holds", .users,
                .ok(Schemas.user), users.disable),
            .init(.post, "users/{user_id}/enable", "enableUser", "Enable a user again", .users, .ok(Schemas.user), users.enable),
            .init(
                .get, "users/{user_id}/membership", "getMembership", "Read a user's role and what it permits", .users,
                .ok(Schemas.membership), users.membership),
            .init(
                .patch, "users/{user_id}/membership", "updateMembership", "Give a user another role; ends everything the user holds",
                .users,
                body: Schemas.membershipChange, .ok(Schemas.membership), users.setRole),
            .init(
                .get, "users/{user_id}/tokens", "listUserTokens", "What a user holds", .tokens, .ok(Schemas.holdings), holdings.ofUser),

            .init(
                .get, "invitations", "listInvitations", "List open invitations, by id", .users, query: Self.pages,
                .ok(Schemas.invitationPage), invitations.list),
            .init(
                .post, "invitations", "createInvitation", "Invite somebody, with or without an account", .users,
                body: Schemas.newInvitation, .created(Schemas.createdInvitation), invitations.create),
            .init(
                .get, "invitations/{invitation_id}", "getInvitation", "Read an open invitation", .users, .ok(Schemas.invitation),
                invitations.get),
            .init(
                .delete, "invitations/{invitation_id}", "withdrawInvitation", "Withdraw an invitation", .users, .noContent,
                invitations.withdraw),

            .init(.get, "roles", "listRoles", "List roles, by name", .roles, query: Self.pages, .ok(Schemas.rolePage), roles.list),
            .init(
                .post, "roles", "createRole", "Make a role of this tenant's own", .roles, body: Schemas.newRole, .created(Schemas.role),
                roles.create),
            .init(.get, "roles/{role}", "getRole", "Read a role", .roles, .ok(Schemas.role), roles.get),
            .init(
                .patch, "roles/{role}", "updateRole", "Change a role; ends everything its holders hold", .roles, body: Schemas.roleChange,
                .ok(Schemas.role), roles.update),
            .init(.delete, "roles/{role}", "removeRole", "Remove a role that nobody holds", .roles, .noContent, roles.remove),

            // Clients.
            .init(
                .get, "clients", "listClients", "List clients, by client_id", .clients, query: Self.pages, .ok(Schemas.clientPage),
                clients.list),
            .init(
                .post, "clients", "createClient", "Register a client; its secret is shown once", .clients, body: Schemas.newClient,
                .created(Schemas.createdClient), clients.create),
            .init(.get, "clients/{client_id}", "getClient", "Read a client", .clients, .ok(Schemas.client), clients.get),
            .init(
                .patch, "clients/{client_id}", "updateClient", "Change a client", .clients, body: Schemas.clientChange, .ok(Schemas.client),
                clients.update),
            .init(
                .delete, "clients/{client_id}", "removeClient", "Remove a client and everything it holds", .clients, .noContent,
                clients.remove),
            .init(
                .post, "clients/{client_id}/secret", "rotateClientSecret", "Give a client a new secret, shown once", .clients,
                body: Schemas.secretRotation, .created(Schemas.newSecret), clients.rotateSecret),
            .init(
                .post, "clients/{client_id}/disable", "disableClient", "Disable a client; ends everything it holds", .clients,
                .ok(Schemas.client), clients.disable),
            .init(
                .post, "clients/{client_id}/enable", "enableClient", "Enable a client again", .clients, .ok(Schemas.client), clients.enable),
            .init(
                .get, "clients/{client_id}/tokens", "listClientTokens", "What a client holds on behalf of people", .tokens,
                .ok(Schemas.holdings), holdings.ofClient),

            .init(.get, "keys", "listKeys", "List signing keys, the newest first", .keys, .ok(Schemas.keyPage), keys.list),
            .init(
                .post, "keys/rotate", "rotateKeys", "Sign with the next key from now on", .keys, body: Schemas.keyRotation,
                .ok(Schemas.rotatedKeys), keys.rotate),

            .init(.get, "settings", "getSettings", "Read the tenant's settings", .settings, .ok(Schemas.settings), settings.get),
            .init(
                .patch, "settings", "updateSettings", "Change the tenant's settings", .settings, body: Schemas.settings,
                .ok(Schemas.settings), settings.update),

            // What people and clients hold.
            .init(
                .get, "sessions", "listSessions", "List sessions that have not ended", .tokens,
                query: Self.pages + [.init("user_id", .uuid, "Those of this user.")], .ok(Schemas.sessionPage), holdings.sessions),
            .init(
                .delete, "sessions/{session_id}", "endSession", "End a session, its grants and their tokens", .tokens, .noContent,
                holdings.endSession),
            .init(
                .get, "grants", "listGrants", "List grants that are not revoked", .tokens,
                query: Self.pages + [
                    .init("user_id", .uuid, "Those of this user."), .init("client_id", .text(1...255), "Those of this client."),
                ],
                .ok(Schemas.grantPage), holdings.grants),
            .init(
                .delete, "grants/{grant_id}", "revokeGrant", "Revoke a grant and its tokens", .tokens, .noContent, holdings.revokeGrant),
            .init(
                .post, "revocations", "revoke", "Revoke one access token, or everything of a grant, session, user, client or the tenant",
                .tokens,
                body: Schemas.revocation, .noContent, holdings.revoke),

            .init(
                .get, "audit-events", "listAuditEvents", "List what was done, the newest first", .audit,
                query: Self.pages + [
                    .init("actor", .text(1...300), "Who did it: an id."),
                    .init("actor_kind", .choice(["user", "client", "operator", "system", "anonymous"]), ""),
                    .init("target", .text(1...300), "To whom or what: an id."), .init("target_kind", .text(1...40), ""),
                    .init("action", .text(1...100), "What was done, or how that begins, such as user."),
                    .init("since", .time, "Seconds since 1970, included."), .init("until", .time, "Seconds since 1970, not included."),
                ],
                .ok(Schemas.auditPage), audit.list),

            // The platform's tenants.
            .init(
                .get, "tenants", "listTenants", "List tenants, by slug", .tenants, query: Self.pages, .ok(Schemas.tenantPage),
                isPlatform: true, tenants.list),
            .init(
                .post, "tenants", "createTenant", "Create a tenant with its built-in roles and keys", .tenants, body: Schemas.newTenant,
                .created(Schemas.tenant), isPlatform: true, tenants.create),
            .init(
                .get, "tenants/{slug}", "getTenant", "Read a tenant", .tenants, .ok(Schemas.tenant), isPlatform: true, tenants.get),
            .init(
                .patch, "tenants/{slug}", "updateTenant", "Change a tenant's settings", .tenants, body: Schemas.settings,
                .ok(Schemas.tenant), isPlatform: true, tenants.update),
            .init(
                .post, "tenants/{slug}/disable", "disableTenant", "Disable a tenant; every token of it dies", .tenants, .ok(Schemas.tenant),
                isPlatform: true, tenants.disable),
            .init(
                .post, "tenants/{slug}/enable", "enableTenant", "Enable a tenant again", .tenants, .ok(Schemas.tenant), isPlatform: true,
                tenants.enable),
        ]
    }
}

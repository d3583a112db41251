import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// Clients and their secrets, one tenant at a time.
struct ClientStore: Sendable {
    let database: Postgres

    private static let selection: SQL = """
        SELECT client.client_id, client.name, client.grant_types, client.token_endpoint_auth_method, client.redirect_uris,
               client.jwks::text, client.jwks_uri, client.scopes, client.access_token_lifetime_seconds,
               client.refresh_token_lifetime_seconds, client.refresh_token_idle_seconds, client.is_first_party, client.is_resource_server,
               client.post_logout_redirect_uris, client.subject_type, client.sector_identifier, client.userinfo_signed_response_alg,
               client.disabled_at IS NOT NULL,
               role.name, role.rank, role.permissions, role.is_built_in,
               ARRAY (SELECT concat_ws(' ', encode(secret.secret_hash, 'hex'),
                                       coalesce(extract(epoch FROM secret.expires_at)::bigint::text, '-'), encode(secret.sealed_secret, 'hex'))
                        FROM auth.client_secret AS secret
                       WHERE secret.tenant_id = client.tenant_id AND secret.client_id = client.client_id
                       ORDER BY secret.created_at DESC)
          FROM auth.client AS client
          LEFT JOIN auth.role AS role ON role.tenant_id = client.tenant_id AND role.name = client.role_name
        """

    /// The tenant that a client belongs to, whatever tenant asks.
    func tenant(of client: ClientID) async throws -> TenantID? {
        try await database.queryOptional("SELECT tenant_id FROM auth.client_directory WHERE client_id = \(client.rawValue)") { row in
            TenantID(try row.decode(UUID.self))
        }
    }

    func find(_ client: ClientID, in tenant: TenantID) async throws -> Client? {
        try await Self.find(client, in: tenant, database.withTenant(tenant.rawValue))
    }

    static func find(_ client: ClientID, in tenant: TenantID, _ executor: some SQLExecutor) async throws -> Client? {
        try await executor.queryOptional(
            "\(selection) WHERE client.tenant_id = \(tenant.rawValue) AND client.client_id = \(client.rawValue)"
        ) { try Self.client($0, tenant) }
    }

    /// As it is until the transaction ends.
    static func lock(_ client: ClientID, in tenant: TenantID, _ transaction: Transaction) async throws -> Client? {
        try await transaction.queryOptional(
            "\(selection) WHERE client.tenant_id = \(tenant.rawValue) AND client.client_id = \(client.rawValue) FOR UPDATE OF client"
        ) { try Self.client($0, tenant) }
    }

    /// By client_id, those after `after`.
    func page(in tenant: TenantID, after: String?, limit: Int) async throws -> [Client] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            \(Self.selection)
             WHERE client.tenant_id = \(tenant.rawValue) AND (\(after) IS NULL OR client.client_id COLLATE "C" > \(after))
             ORDER BY client.client_id COLLATE "C"
             LIMIT \(limit)
            """
        ) { try Self.client($0, tenant) }
    }

    func all(in tenant: TenantID) async throws -> [Client] {
        try await database.withTenant(tenant.rawValue).queryAll(
            "\(Self.selection) WHERE client.tenant_id = \(tenant.rawValue) ORDER BY client.client_id"
        ) { try Self.client($0, tenant) }
    }

    /// Fails on a `client_id` that any tenant uses already.
    static func insertions(_ client: Client) -> [SQL] {
        let tenant = client.tenantID.rawValue
        return [
            """
            INSERT INTO auth.client (tenant_id, client_id, name, grant_types, token_endpoint_auth_method, redirect_uris, jwks, jwks_uri,
                                     scopes, role_name, access_token_lifetime_seconds, refresh_token_lifetime_seconds,
                                     refresh_token_idle_seconds, is_first_party, is_resource_server, post_logout_redirect_uris, subject_type,
                                     sector_identifier, userinfo_signed_response_alg)
            VALUES (\(tenant), \(client.id.rawValue), \(client.name), \(client.grantTypes.map(\.rawValue).sorted()),
                    \(client.authenticationMethod.rawValue), \(client.redirectURIs.map(\.rawValue)), \(client.jwks)::text::jsonb,
                    \(client.jwksURI), \(client.scopes.description), \(client.role?.name), \(client.accessTokenLifetimeSeconds),
                    \(client.refreshTokenLifetimeSeconds), \(client.refreshTokenIdleSeconds), \(client.isFirstParty),
                    \(client.isResourceServer), \(client.postLogoutRedirectURIs.map(\.rawValue)), \(client.subjectType.rawValue),
                    \(client.sectorIdentifier), \(client.userInfoSignedResponseAlgorithm))
            """,
            "INSERT INTO auth.client_directory (client_id, tenant_id) VALUES (\(client.id.rawValue), \(tenant))",
        ] + client.secrets.map { insertion($0, of: client.id, in: client.tenantID) }
    }

    static func insertion(_ secret: Client.Secret, of client: ClientID, in tenant: TenantID) -> SQL {
        """
        INSERT INTO auth.client_secret (tenant_id, client_id, secret_hash, sealed_secret)
        VALUES (\(tenant.rawValue), \(client.rawValue), \(secret.hash), \(secret.sealedSecret))
        """
    }

    /// Writes every setting of a client but its secrets.
    static func update(_ client: Client) -> SQL {
        """
        UPDATE auth.client
           SET name = \(client.name), grant_types = \(client.grantTypes.map(\.rawValue).sorted()),
               token_endpoint_auth_method = \(client.authenticationMethod.rawValue),
               redirect_uris = \(client.redirectURIs.map(\.rawValue)), jwks = \(client.jwks)::text::jsonb, jwks_uri = \(client.jwksURI),
               scopes = \(client.scopes.description), role_name = \(client.role?.name),
               access_token_lifetime_seconds = \(client.accessTokenLifetimeSeconds),
               refresh_token_lifetime_seconds = \(client.refreshTokenLifetimeSeconds),
               refresh_token_idle_seconds = \(client.refreshTokenIdleSeconds), is_first_party = \(client.isFirstParty),
               is_resource_server = \(client.isResourceServer),
               post_logout_redirect_uris = \(client.postLogoutRedirectURIs.map(\.rawValue)),
               subject_type = \(client.subjectType.rawValue), sector_identifier = \(client.sectorIdentifier),
               userinfo_signed_response_alg = \(client.userInfoSignedResponseAlgorithm), updated_at = now()
         WHERE tenant_id = \(client.tenantID.rawValue) AND client_id = \(client.id.rawValue)
        """
    }

    static func setDisabled(_ client: ClientID, in tenant: TenantID, _ isDisabled: Bool) -> SQL {
        """
        UPDATE auth.client
           SET disabled_at = CASE WHEN \(isDisabled)::boolean THEN coalesce(disabled_at, now()) END, updated_at = now()
         WHERE tenant_id = \(tenant.rawValue) AND client_id = \(client.rawValue)
        """
    }

    /// Adds a secret. Of the older ones the newest stays valid for `overlapSeconds`, the others end now.
    static func secretRotation(of client: ClientID, in tenant: TenantID, to secret: Client.Secret, overlapSeconds: Int) -> [SQL] {
        let id = tenant.rawValue
        return [
            """
            DELETE FROM auth.client_secret AS secret
             WHERE tenant_id = \(id) AND client_id = \(client.rawValue)
               AND (\(overlapSeconds) = 0
                    OR expires_at <= now()
                    OR secret_hash <> (SELECT newest.secret_hash
                                         FROM auth.client_secret AS newest
                                        WHERE newest.tenant_id = \(id) AND newest.client_id = \(client.rawValue)
                                        ORDER BY newest.created_at DESC
                                        LIMIT 1))
            """,
            """
            UPDATE auth.client_secret
               SET expires_at = least(expires_at, now() + make_interval(secs => \(Double(overlapSeconds))))
             WHERE tenant_id = \(id) AND client_id = \(client.rawValue)
            """,
            insertion(secret, of: client, in: tenant),
        ]
    }

    /// Its secrets, grants and consents go with it.
    static func deletion(_ client: ClientID, in tenant: TenantID) -> SQL {
        "DELETE FROM auth.client WHERE tenant_id = \(tenant.rawValue) AND client_id = \(client.rawValue)"
    }

    /// A client without audit event, for tests and for what nobody did.
    func insert(_ client: Client) async throws {
        _ = try await database.batch(Self.insertions(client), settings: .tenant(client.tenantID.rawValue))
    }

    func update(_ client: Client) async throws -> Bool {
        try await database.withTenant(client.tenantID.rawValue).query(Self.update(client)).affectedRows == 1
    }

    func setDisabled(_ client: ClientID, in tenant: TenantID, _ isDisabled: Bool) async throws -> Bool {
        try await database.withTenant(tenant.rawValue).query(Self.setDisabled(client, in: tenant, isDisabled)).affectedRows == 1
    }

    func rotateSecret(of client: ClientID, in tenant: TenantID, to hash: [UInt8], overlapSeconds: Int) async throws {
        _ = try await database.batch(
            Self.secretRotation(of: client, in: tenant, to: Client.Secret(hash: hash, expiresAt: nil), overlapSeconds: overlapSeconds),
            settings: .tenant(tenant.rawValue)
        )
    }

    func role(_ name: String, in tenant: TenantID) async throws -> Role? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "SELECT name, rank, permissions, is_built_in FROM auth.role WHERE tenant_id = \(tenant.rawValue) AND name = \(name)"
        ) { row in
            let (name, rank, permissions, isBuiltIn) = try row.decode(String.self, Int32.self, [String].self, Bool.self)
            return Role(name: name, rank: Int(rank), permissions: permissions, isBuiltIn: isBuiltIn)
        }
    }

    private static func client(_ row: Row, _ tenant: TenantID) throws -> Client {
        let (
            id, name, grants, method, redirects, jwks, jwksURI, scopes, lifetime, refreshLifetime, refreshIdle, isFirstParty,
            isResourceServer, postLogout, subjectType, sectorIdentifier, userInfoAlgorithm, isDisabled,
            roleName, roleRank, rolePermissions, roleIsBuiltIn, secrets
        ) = try row.decode(
            String.self, String.self, [String].self, String.self, [String].self, String?.self, String?.self, String.self, Int32.self,
            Int32.self, Int32.self, Bool.self, Bool.self, [String].self, String.self, String?.self, String?.self, Bool.self,
            String?.self, Int32?.self, [String]?.self, Bool?.self, [String].self
        )
        guard let clientID = ClientID(id), let authenticationMethod = ClientAuthenticationMethod(rawValue: method) else {
            throw StoredDataError("auth.client \(id): unusable client_id or token_endpoint_auth_method")
        }
        return Client(
            id: clientID,
            tenantID: tenant,
            name: name,
            grantTypes: Set(grants.compactMap(GrantType.init)),
            authenticationMethod: authenticationMethod,
            redirectURIs: try redirects.map { try RedirectURI($0) },
            jwks: jwks,
            jwksURI: jwksURI,
            scopes: try ScopeSet(parsing: scopes),
            role: roleName.map { name in
                Role(name: name, rank: Int(roleRank ?? 0), permissions: rolePermissions ?? [], isBuiltIn: roleIsBuiltIn ?? false)
            },
            accessTokenLifetimeSeconds: Int(lifetime),
            refreshTokenLifetimeSeconds: Int(refreshLifetime),
            refreshTokenIdleSeconds: Int(refreshIdle),
            isFirstParty: isFirstParty,
            isResourceServer: isResourceServer,
            postLogoutRedirectURIs: try postLogout.map { try RedirectURI($0) },
            subjectType: Client.SubjectType(rawValue: subjectType) ?? .public,
            sectorIdentifier: sectorIdentifier,
            userInfoSignedResponseAlgorithm: userInfoAlgorithm,
            isDisabled: isDisabled,
            secrets: try secrets.map(secret)
        )
    }

    private static func secret(_ text: String) throws -> Client.Secret {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard let hash = words.first.flatMap(bytes), hash.count == 32 else {
            throw StoredDataError("auth.client_secret: a hash is not 32 bytes")
        }
        return Client.Secret(
            hash: hash, expiresAt: words.count > 1 ? Int64(words[1]) : nil, sealedSecret: words.count > 2 ? bytes(words[2]) : nil)
    }

    private static func bytes(_ hexadecimal: Substring) -> [UInt8]? {
        let digits = Array(hexadecimal.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
        return bytes.count == digits.count / 2 ? bytes : nil
    }
}

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
        try await database.withTenant(tenant.rawValue).queryOptional(
            "\(Self.selection) WHERE client.tenant_id = \(tenant.rawValue) AND client.client_id = \(client.rawValue)"
        ) { try Self.client($0, tenant) }
    }

    func all(in tenant: TenantID) async throws -> [Client] {
        try await database.withTenant(tenant.rawValue).queryAll(
            "\(Self.selection) WHERE client.tenant_id = \(tenant.rawValue) ORDER BY client.client_id"
        ) { try Self.client($0, tenant) }
    }

    /// Fails on a `client_id` that any tenant uses already.
    func insert(_ client: Client) async throws {
        let tenant = client.tenantID.rawValue
        var statements: [SQL] = [
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
        ]
        statements += client.secrets.map { secret in
            """
            INSERT INTO auth.client_secret (tenant_id, client_id, secret_hash, sealed_secret)
            VALUES (\(tenant), \(client.id.rawValue), \(secret.hash), \(secret.sealedSecret))
            """
        }
        _ = try await database.batch(statements, settings: .tenant(tenant))
    }

    /// Writes every setting of a client but its secrets. Returns whether it exists.
    func update(_ client: Client) async throws -> Bool {
        let tenant = client.tenantID.rawValue
        let result = try await database.withTenant(tenant).query(
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
             WHERE tenant_id = \(tenant) AND client_id = \(client.id.rawValue)
            """
        )
        return result.affectedRows == 1
    }

    func setDisabled(_ client: ClientID, in tenant: TenantID, _ isDisabled: Bool) async throws -> Bool {
        let result = try await database.withTenant(tenant.rawValue).query(
            """
            UPDATE auth.client
               SET disabled_at = CASE WHEN \(isDisabled)::boolean THEN coalesce(disabled_at, now()) END
             WHERE tenant_id = \(tenant.rawValue) AND client_id = \(client.rawValue)
            """
        )
        return result.affectedRows == 1
    }

    /// Adds a secret. Of the older ones the newest stays valid for `overlapSeconds`, the others end now.
    ///
    /// - Parameter sealed: the secret under the master key, where the client authenticates with `client_secret_jwt`.
    func rotateSecret(
        of client: ClientID, in tenant: TenantID, to hash: [UInt8], sealed: [UInt8]? = nil, overlapSeconds: Int
    ) async throws {
        let id = tenant.rawValue
        _ = try await database.batch(
            [
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
                """
                INSERT INTO auth.client_secret (tenant_id, client_id, secret_hash, sealed_secret)
                VALUES (\(id), \(client.rawValue), \(hash), \(sealed))
                """,
            ],
            settings: .tenant(id)
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

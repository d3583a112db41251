import JSON
import OAuth
import ServiceKit
import Tenancy

/// RFC 6749 §4.3, for clients that a tenant's admin has allowed it: throttled, audited and bound by the tenant's rules as the sign-in page is.
struct PasswordGrant: TokenGrant {
    let type = GrantType.password
    let signIn: PasswordSignIn
    let accounts: AccountStore
    let store: AccessGrantStore
    let refreshTokens: RefreshTokens
    let subjects: Subjects
    let clock: WallClock

    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority {
        guard client.authenticationMethod != .none else {
            throw OAuthError(.unauthorizedClient, "public clients cannot use this grant")
        }
        let outcome = try await signIn.signIn(
            email: try request.parameters.require("username"), password: try request.parameters.require("password"), tenant: tenant,
            origin: request.origin, from: .client(client.id, in: tenant.id)
        )
        let (account, methods) = try Self.signedIn(outcome)
        guard let membership = try await accounts.find(account.id, in: tenant.id)?.membership, !membership.isDisabled else {
            throw Self.refusal
        }
        let now = clock.now
        let grant = AccessGrant(
            tenantID: tenant.id, clientID: client.id, accountID: account.id, sessionID: nil, type: .password, scopes: client.scopes,
            subject: try await subjects.subject(of: account.id, for: client), authenticatedAt: now, methods: methods, requestedClaims: nil,
            now: now, lifetimeSeconds: client.refreshTokenLifetimeSeconds
        )
        let refreshToken = client.grantTypes.contains(.refreshToken) ? refreshTokens.first(of: grant.id) : nil
        var authority = try GrantedAuthority(
            StandingGrant(grant: grant, role: membership.role), asked: request.scopes, refreshToken: refreshToken, nonce: nil
        )
        authority.person?.password = account.passwordMark
        do {
            _ = try authority.scopes(within: client.scopes)
        } catch {
            // Whoever tries passwords in this way leaves a trace.
            try await signIn.recordRefusal(of: account.id, "invalid_scope", tenant: tenant, origin: request.origin)
            throw error
        }
        return authority
    }

    /// The grant holds what was really granted, so that no refresh reaches beyond it.
    func settle(
        _ authority: GrantedAuthority, scopes: ScopeSet, _ request: TokenRequest, client: Client, tenant: Tenant
    ) async throws -> GrantedAuthority {
        guard let person = authority.person else { return authority }
        var grant = person.grant
        grant.scopes = scopes
        let event = AuditEvent(
            "grant.created", by: .user(grant.accountID), on: "grant", grant.id.description, from: request.origin,
            [("client_id", .string(client.id.rawValue)), ("scope", .string(scopes.description)), ("grant_type", "password")]
        )
        let idleUntil = clock.now + Int64(client.refreshTokenIdleSeconds)
        let signedIn = PasswordSignIn.event(of: grant.accountID, methods: grant.methods, origin: request.origin)
        let isInserted = try await store.insert(
            grant, on: .password(person.password),
            refresh: person.refreshToken.map { ($0.hash, min(idleUntil, grant.expiresAt)) },
            also: [signedIn, event].map { $0.insertion(in: tenant.id) }
        )
        guard isInserted else {
            try await signIn.recordRefusal(of: grant.accountID, "password_replaced", tenant: tenant, origin: request.origin)
            throw Self.refusal
        }
        var settled = authority
        settled.person = GrantedPerson(grant: grant, refreshToken: person.refreshToken, nonce: nil)
        return settled
    }

    private static func signedIn(_ outcome: PasswordSignIn.Outcome) throws -> (Account, [String]) {
        switch outcome {
        case .signedIn(let account, let methods): return (account, methods)
        case .wrong: throw refusal
        case .blocked(let seconds): throw TooManyAttempts(retryAfterSeconds: seconds)
        case .busy: throw OAuthError(.temporarilyUnavailable, "try again shortly")
        // Nothing that only the page can ask for, and nothing about why to who may not be the person.
        case .mustChangePassword, .secondFactorRequired:
            throw OAuthError(.invalidGrant, "the account must sign in through the browser")
        }
    }

    private static let refusal = OAuthError(.invalidGrant, "the user name or the password is wrong")
}

import FoundationEssentials
import Hummingbird
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// From a request that passed its checks, through whatever the person must be asked, to the code.
struct AuthorizationFlow: Sendable {
    let sessions: Sessions
    let accounts: AccountStore
    let consents: ConsentStore
    let codes: AuthorizationCodes
    let subjects: Subjects
    let idTokens: IDTokenVerifier
    let secondFactor: SecondFactorQuestion
    let forms: InteractionForms
    let clock: WallClock

    func begin(_ attempt: AuthorizationAttempt, _ visit: Visit) async throws -> Response {
        let purpose = Interaction.Purpose.authorization(parameters: attempt.parameters)
        return try await advance(attempt, Interaction(purpose, tenant: attempt.tenant.id, now: clock.now), visit)
    }

    /// - Parameter isAllowed: whether the person has just said yes to what ``Interaction/shown`` holds.
    func advance(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ visit: Visit, isAllowed: Bool = false
    ) async throws -> Response {
        let person = try await person(attempt.tenant, visit)
        let situation = try await situation(attempt, interaction, person, isAllowed: isAllowed)
        switch AuthorizationStep.next(attempt.request, situation.facts) {
        case .refuse(let error):
            return AuthorizationAnswer.error(error, attempt.reply, attempt.client, visit)
        case .signIn(let isReauthentication):
            return try await signIn(attempt, interaction, person, visit, isReauthentication: isReauthentication)
        case .chooseAccount:
            return try await chooseAccount(attempt, interaction, person, visit)
        case .secondFactor:
            guard let person else { return try await signIn(attempt, interaction, nil, visit, isReauthentication: false) }
            var interaction = interaction
            interaction.proof = Interaction.Proof(
                person.account, methods: person.session.methods, now: clock.now, session: person.session.id
            )
            return try await secondFactor.ask(person.account, interaction, visit, targets: Self.targets(attempt))
        case .consent:
            guard let person else { return try await signIn(attempt, interaction, nil, visit, isReauthentication: false) }
            return try await consent(attempt, interaction, person, situation.disclosed, visit)
        case .grant:
            guard let person else { return try await signIn(attempt, interaction, nil, visit, isReauthentication: false) }
            return try await grant(attempt, interaction, person, situation, visit)
        }
    }

    // MARK: Who is there

    struct Person: Sendable {
        let session: BrowserSession
        let account: Account
        let membership: Membership
    }

    /// The signed-in member of the tenant; somebody else's session counts as none.
    private func person(_ tenant: Tenant, _ visit: Visit) async throws -> Person? {
        let found: (BrowserSession, Account)?
        if let begun = visit.begun { found = (begun.session, begun.account) } else { found = try await sessions.find(visit.request) }
        guard let (session, known) = found, let member = try await accounts.find(known.id, in: tenant.id), !member.isDisabled
        else { return nil }
        return Person(session: session, account: member.account, membership: member.membership)
    }

    private struct Situation {
        var facts = AuthorizationStep.Facts()
        var scopes = ScopeSet.empty
        /// The scopes, and those that claims asked for by name come with: a person is asked about both alike.
        var disclosed = ScopeSet.empty
        /// The claims asked for by name that the client may have, as the grant keeps them.
        var requestedClaims: String?
        var remembered = ScopeSet.empty
        var subject = ""
        /// The person says yes to more than they said before.
        var isNewConsent = false
    }

    private func situation(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person?, isAllowed: Bool
    ) async throws -> Situation {
        var situation = Situation()
        guard let person else { return situation }
        let account = person.account
        situation.subject = try await subjects.subject(of: account.id, for: attempt.client)
        situation.scopes = try Self.narrowed(attempt.scopes, person.membership.role)
        let claims = RequestedClaims(attempt.request.claims?.text).within(attempt.client.scopes)
        situation.disclosed = situation.scopes.union(claims.impliedScopes)
        situation.requestedClaims = claims.text
        situation.remembered = try await consents.find(account.id, attempt.client.id, in: attempt.tenant.id)

        situation.facts.isSignedIn = true
        situation.facts.hasJustSignedIn = interaction.session == person.session.id
        situation.facts.hasChosen = interaction.chosen == account.id
        situation.facts.isExpected = try await isExpected(attempt, subject: situation.subject)
        situation.facts.isHinted = attempt.request.loginHint.map { $0.lowercased() == account.email.lowercased() } ?? true
        situation.facts.authenticationAge = max(0, clock.now - person.session.authenticatedAt)
        situation.facts.lacksSecondFactor =
            attempt.tenant.settings.requiresSecondFactor && !SecondFactorQuestion.isProved(person.session.methods)
        if situation.facts.lacksSecondFactor { situation.facts.mustEnrol = try await !secondFactor.factors.isEnrolled(account.id) }
        let mustAsk = ConsentRule.mustAsk(
            attempt, scopes: situation.disclosed, remembered: situation.remembered, hasJustSignedIn: situation.facts.hasJustSignedIn
        )
        let hasAllowed = isAllowed && interaction.shown == Interaction.Shown(account: account.id, scopes: situation.disclosed)
        situation.facts.mustConsent = mustAsk && !hasAllowed
        situation.isNewConsent = mustAsk && hasAllowed
        return situation
    }

    /// Asked ∩ client ∩ role; scopes about the person are nobody's right to refuse but the person's own.
    private static func narrowed(_ scopes: ScopeSet, _ role: Role) throws -> ScopeSet {
        let permissions = ScopeSet(try role.permissions.map { try Scope($0) })
        return scopes.intersection(permissions.union(.identity))
    }

    /// OpenID Connect Core §3.1.2.1 (`id_token_hint`) and §5.5.1 (`sub`).
    private func isExpected(_ attempt: AuthorizationAttempt, subject: String) async throws -> Bool {
        if let wanted = attempt.request.claims?.subject, !wanted.utf8.elementsEqual(subject.utf8) { return false }
        guard let text = attempt.request.idTokenHint else { return true }
        guard let hint = try await idTokens.verifyHint(text, tenant: attempt.tenant), hint.clientID == attempt.client.id else {
            let error = AuthorizationError(.invalidRequest, "id_token_hint is not an ID token of this client")
            throw AuthorizationFailure.told(attempt.reply, error, attempt.client, attempt.tenant)
        }
        return hint.subject.utf8.elementsEqual(subject.utf8)
    }

    // MARK: What is asked

    static func targets(_ attempt: AuthorizationAttempt) -> [FormTarget] {
        FormTarget.onward(to: attempt.reply.redirectURI)
    }

    private func signIn(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person?, _ visit: Visit, isReauthentication: Bool
    ) async throws -> Response {
        let username = isReauthentication ? person?.account.email : attempt.request.loginHint
        return visit.page(
            SignInPage(
                brand: visit.brand, form: try await forms.form(.signIn, interaction, visit), clientName: attempt.client.name,
                username: username ?? "", isReauthentication: isReauthentication, offersCancel: true
            ),
            formTargets: Self.targets(attempt)
        )
    }

    private func chooseAccount(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person?, _ visit: Visit
    ) async throws -> Response {
        let choices = person.map { [AccountChoicePage.Choice(account: PageAccount($0.account))] } ?? []
        return visit.page(
            AccountChoicePage(
                brand: visit.brand, form: try await forms.form(.account, interaction, visit), clientName: attempt.client.name,
                choices: choices
            ),
            formTargets: Self.targets(attempt)
        )
    }

    private func consent(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person, _ scopes: ScopeSet, _ visit: Visit
    ) async throws -> Response {
        guard !scopes.isEmpty else { return nothingLeft(attempt, visit) }
        var interaction = interaction
        interaction.shown = Interaction.Shown(account: person.account.id, scopes: scopes)
        return visit.page(
            ConsentPage(
                brand: visit.brand, form: try await forms.form(.consent, interaction, visit),
                client: .init(
                    id: attempt.client.id.rawValue, name: attempt.client.name, redirectURI: attempt.reply.redirectURI,
                    isVerified: attempt.client.isFirstParty
                ),
                account: PageAccount(person.account), scopes: scopes.scopes.map(\.rawValue)
            ),
            formTargets: Self.targets(attempt)
        )
    }

    private func nothingLeft(_ attempt: AuthorizationAttempt, _ visit: Visit) -> Response {
        let error = AuthorizationError(.invalidScope, "the person may not have any of these scopes")
        return AuthorizationAnswer.error(error, attempt.reply, attempt.client, visit)
    }

    // MARK: The code

    private func grant(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person, _ situation: Situation, _ visit: Visit
    ) async throws -> Response {
        guard !situation.scopes.isEmpty else { return nothingLeft(attempt, visit) }
        guard let session = try await sessions.joinTenant(person.session, attempt.tenant, origin: visit.origin) else {
            return try await endedHere(attempt, interaction, person, visit)
        }
        let grant = AccessGrant(
            tenantID: attempt.tenant.id, clientID: attempt.client.id, accountID: person.account.id, sessionID: session,
            type: .authorizationCode, scopes: situation.scopes, subject: situation.subject,
            pairwiseSession: try await subjects.pairwiseSession(session, for: attempt.client),
            authenticatedAt: person.session.authenticatedAt, methods: person.session.methods,
            requestedClaims: situation.requestedClaims, now: clock.now,
            lifetimeSeconds: attempt.client.refreshTokenLifetimeSeconds
        )
        let code: OpaqueSecret
        do {
            code = try await codes.issue(
                for: grant, redirectURI: attempt.reply.redirectURI, mustNameURI: attempt.request.namesRedirectURI,
                codeChallenge: attempt.request.codeChallenge.rawValue,
                nonce: attempt.request.nonce,
                remembered: situation.isNewConsent || attempt.client.isFirstParty ? nil : situation.remembered,
                also: records(attempt, grant, person, situation, visit)
            )
        } catch is ConsentWithdrawn {
            return try await advance(attempt, interaction, visit)
        } catch is SessionEnded {
            return try await endedHere(attempt, interaction, person, visit)
        }
        return AuthorizationAnswer.code(code.rawValue, attempt, visit)
    }

    /// Somebody has ended the session in this tenant: the person proves again who they are.
    private func endedHere(
        _ attempt: AuthorizationAttempt, _ interaction: Interaction, _ person: Person, _ visit: Visit
    ) async throws -> Response {
        guard !attempt.request.prompts.contains(.none) else {
            let error = AuthorizationError(.loginRequired, "nobody is signed in")
            return AuthorizationAnswer.error(error, attempt.reply, attempt.client, visit)
        }
        return try await signIn(attempt, interaction, person, visit, isReauthentication: true)
    }

    /// What becomes true together with the code.
    private func records(
        _ attempt: AuthorizationAttempt, _ grant: AccessGrant, _ person: Person, _ situation: Situation, _ visit: Visit
    ) -> [SQL] {
        let (account, client, tenant) = (person.account.id, attempt.client.id, attempt.tenant.id)
        let details: [(name: String, value: JSONValue)] = [
            ("client_id", .string(client.rawValue)), ("scope", .string(grant.scopes.description)),
        ]
        var records: [SQL] = []
        if situation.isNewConsent {
            let scopes = situation.remembered.union(situation.disclosed)
            records.append(ConsentStore.remembering(scopes, account, client, in: tenant, now: clock.now))
            records.append(
                AuditEvent("consent.given", by: .user(account), on: "client", client.rawValue, from: visit.origin, details)
                    .insertion(in: tenant))
        }
        records.append(
            AuditEvent("grant.created", by: .user(account), on: "grant", grant.id.description, from: visit.origin, details)
                .insertion(in: tenant))
        return records
    }
}

extension PageAccount {
    init(_ account: Account) {
        self.init(id: account.id.description, name: account.profile.name, email: account.email)
    }
}

import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

extension InteractionSteps {
    func signIn(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        let username = (form[PageField.username] ?? "").trimmingSpaces()
        func again(_ problem: SignInPage.Problem, _ status: HTTPResponse.Status, retryAfter: Int? = nil) async throws -> Response {
            try await signInPage(username, problem, status, retryAfter, interaction, visit)
        }

        guard !username.isEmpty else { return try await again(.missingUsername, Self.problemStatus) }
        guard let password = form[PageField.password] else { return try await again(.missingPassword, Self.problemStatus) }
        let mark = try await devices.mark(in: visit.request, of: username)
        let outcome = try await passwords.signIn(
            email: username, password: password, tenant: interaction.isForMembers ? visit.tenant : nil, origin: visit.origin,
            from: mark.map { .knownDevice(mark: $0) } ?? .browser(address: visit.origin.address)
        )
        switch outcome {
        case .signedIn(let account, let methods):
            return try await begin(account, Interaction.Proof(account, methods: methods, now: clock.now), interaction, visit)
        case .mustChangePassword(let account), .secondFactorRequired(let account, _):
            return try await proceed(account, Interaction.Proof(account, methods: ["pwd"], now: clock.now), interaction, visit)
        case .wrong:
            return try await again(.wrongCredentials, Self.problemStatus)
        case .blocked(let seconds):
            return try await again(.throttled(seconds: seconds), .tooManyRequests, retryAfter: seconds)
        case .busy:
            return try await again(.busy, .serviceUnavailable, retryAfter: 1)
        }
    }

    private func signInPage(
        _ username: String, _ problem: SignInPage.Problem, _ status: HTTPResponse.Status, _ retryAfter: Int?,
        _ interaction: Interaction, _ visit: Visit
    ) async throws -> Response {
        let (targets, clientName) = try await destination(interaction, visit)
        let page = SignInPage(
            brand: visit.brand, form: try await forms.form(.signIn, interaction, visit), clientName: clientName, username: username,
            problem: problem, offersCancel: clientName != nil
        )
        return visit.page(page, status: status, headers: retryAfter.map { [.retryAfter: String($0)] } ?? [:], formTargets: targets)
    }

    /// The person has proved something; asks for what is missing, and else begins the session. The second factor comes before the new
    /// password: whoever knows only the old one must not be able to set it.
    func proceed(
        _ account: Account, _ proof: Interaction.Proof, _ interaction: Interaction, _ visit: Visit
    ) async throws -> Response {
        var interaction = interaction
        interaction.proof = proof
        if !SecondFactorQuestion.isProved(proof.methods), try await needsSecondFactor(account, visit) {
            let targets = try await destination(interaction, visit).targets
            return try await secondFactor.ask(account, interaction, visit, targets: targets)
        }
        if account.mustChangePassword { return try await passwordPage(account, interaction, visit, problem: nil) }
        return try await begin(account, proof, interaction, visit)
    }

    private func needsSecondFactor(_ account: Account, _ visit: Visit) async throws -> Bool {
        if visit.tenant?.settings.requiresSecondFactor ?? false { return true }
        return try await factors.isEnrolled(account.id)
    }

    /// A new session with a new id, whatever the browser had before (RFC 9700 §4, session fixation).
    private func begin(
        _ account: Account, _ proof: Interaction.Proof, _ interaction: Interaction, _ visit: Visit
    ) async throws -> Response {
        let replaced = try await sessions.find(visit.request)?.0
        let lifetime = visit.tenant?.settings.sessionLifetimeSeconds ?? TenantSettings().sessionLifetimeSeconds
        let tenant = interaction.isForMembers ? visit.tenant : nil
        let begun = try await sessions.begin(
            for: account, methods: proof.methods, replacing: replaced, keepingAge: proof.session != nil, in: tenant?.id,
            origin: visit.origin, lifetimeSeconds: lifetime
        )
        guard let (session, secret) = begun else {
            // The password has been replaced since it was checked: it is a wrong one now.
            if let tenant {
                try await passwords.recordRefusal(of: account.id, "password_replaced", tenant: tenant, origin: visit.origin)
            }
            return try await signInPage(account.email, .wrongCredentials, Self.problemStatus, nil, interaction, visit)
        }
        var visit = visit
        visit.begun = (session, account)
        visit.setCookie(Sessions.setCookie(secret))
        visit.setCookie(try await devices.setCookie(visit.request, email: account.email))
        var interaction = interaction
        interaction.proof = nil
        // Who gave a second factor to a session that was there has not signed in anew.
        if proof.session == nil || proof.session == interaction.session { interaction.session = session.id }
        return try await resume(interaction, visit)
    }

    /// The account whose first factor was proved a short while ago, if it may still sign in here, and with the same password.
    func proved(_ interaction: Interaction, _ visit: Visit) async throws -> (Account, Interaction.Proof)? {
        guard let proof = interaction.proof, proof.provedAt + Interaction.Proof.lifetimeSeconds > clock.now else { return nil }
        let account: Account?
        if let tenant = visit.tenant, interaction.isForMembers {
            let member = try await accounts.find(proof.account, in: tenant.id)
            account = member.flatMap { $0.isDisabled ? nil : $0.account }
        } else {
            account = try await accounts.find(proof.account)
        }
        guard let account, !account.isDisabled, account.passwordMark == proof.password else { return nil }
        if let session = proof.session, try await sessions.find(visit.request)?.0.id != session { return nil }
        return (account, proof)
    }
}

extension String {
    /// Without spaces at both ends, as they come from a phone's keyboard.
    func trimmingSpaces() -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(self[first...last])
    }
}

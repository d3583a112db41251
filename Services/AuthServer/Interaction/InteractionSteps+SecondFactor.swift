import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit

extension InteractionSteps {
    func verifySecondFactor(
        _ form: FormParameters, _ action: PageAction?, _ interaction: Interaction, _ visit: Visit
    ) async throws -> Response {
        guard let (account, proof) = try await proved(interaction, visit) else { return expired(visit) }
        let targets = try await destination(interaction, visit).targets
        if action == .useRecoveryCode || action == .useAuthenticator {
            let method: SecondFactorPage.Method = action == .useRecoveryCode ? .recoveryCode : .authenticator
            return try await secondFactor.ask(account, interaction, visit, targets: targets, method: method, problem: nil)
        }
        let code = Self.code(form)
        switch try await factors.verify(code: code, for: account.id, origin: visit.origin) {
        case .right:
            return try await proceed(account, proof.adding(SecondFactorQuestion.methods), interaction, visit)
        case .wrong:
            // A recovery code has letters or is longer than six digits: whoever tried one is asked for one again.
            let method: SecondFactorPage.Method = code.utf8.count > 8 ? .recoveryCode : .authenticator
            return try await secondFactor.ask(
                account, interaction, visit, targets: targets, method: method, problem: .wrongCode, status: Self.problemStatus
            )
        case .blocked(let seconds):
            return try await secondFactor.ask(
                account, interaction, visit, targets: targets, problem: .throttled(seconds: seconds), status: .tooManyRequests,
                headers: [.retryAfter: String(seconds)]
            )
        }
    }

    func enrol(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard let (account, proof) = try await proved(interaction, visit) else { return expired(visit) }
        let targets = try await destination(interaction, visit).targets
        // Enrolled meanwhile, or the form is of another step.
        guard let secret = proof.proposedSecret, try await !factors.isEnrolled(account.id) else {
            return try await secondFactor.ask(account, interaction, visit, targets: targets)
        }
        guard let codes = try await factors.confirm(code: Self.code(form), of: secret, for: account) else {
            let enrolment = SecondFactors.Enrolment(secret, account: account.email, issuer: visit.brand.displayName)
            return try await secondFactor.enrol(
                account, enrolment, interaction, visit, targets: targets, problem: .wrongCode, status: Self.problemStatus
            )
        }
        var interaction = interaction
        interaction.proof = proof.adding(SecondFactorQuestion.methods)
        let page = RecoveryCodesPage(
            brand: visit.brand, form: try await forms.form(.recoveryCodes, interaction, visit), codes: codes
        )
        return visit.page(page, formTargets: targets)
    }

    func afterRecoveryCodes(_ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard let (account, proof) = try await proved(interaction, visit) else { return expired(visit) }
        return try await proceed(account, proof, interaction, visit)
    }

    func expired(_ visit: Visit) -> Response {
        visit.refusal(.expired, "invalid_request", "the sign-in took too long")
    }

    /// As it is typed or pasted, spaces left out.
    private static func code(_ form: FormParameters) -> String {
        String((form[PageField.code] ?? "").filter { $0 != " " }.prefix(64))
    }
}

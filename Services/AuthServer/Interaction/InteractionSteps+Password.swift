import HTTPTypes
import Hummingbird
import OAuth

extension InteractionSteps {
    /// A password that an admin has set, or that has been leaked, is changed before anything else.
    func passwordPage(
        _ account: Account, _ interaction: Interaction, _ visit: Visit, problem: PasswordSetPage.Problem?,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let page = PasswordSetPage(
            brand: visit.brand, form: try await forms.form(.password, interaction, visit), reason: .changeRequired,
            account: PageAccount(account), minimumLength: newPasswords.minimumLength(visit.tenant), problem: problem
        )
        return visit.page(page, status: status, formTargets: try await destination(interaction, visit).targets)
    }

    func setPassword(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard let (account, proof) = try await proved(interaction, visit) else { return expired(visit) }
        // A form sent again after it was answered: there is nothing left to change.
        guard account.mustChangePassword else { return try await proceed(account, proof.methods, interaction, visit) }
        if try await !factorIsProved(account, proof, visit) { return expired(visit) }
        let problem = try await newPasswords.set(
            form[PageField.newPassword], repeated: form[PageField.repeatedPassword], of: account, tenant: visit.tenant, origin: visit.origin
        )
        if let problem {
            let status: HTTPResponse.Status = problem == .busy ? .serviceUnavailable : Self.problemStatus
            return try await passwordPage(account, interaction, visit, problem: problem, status: status)
        }
        var changed = account
        changed.mustChangePassword = false
        return try await proceed(changed, proof.methods, interaction, visit)
    }

    private func factorIsProved(_ account: Account, _ proof: Interaction.Proof, _ visit: Visit) async throws -> Bool {
        if SecondFactorQuestion.isProved(proof.methods) { return true }
        return try await !factors.isEnrolled(account.id)
    }
}

import HTTPTypes
import Hummingbird
import OAuth
import Passwords

extension InteractionSteps {
    /// A password that an admin has set, or that has been leaked, is changed before anything else.
    func passwordPage(
        _ account: Account, _ interaction: Interaction, _ visit: Visit, problem: PasswordSetPage.Problem?,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let page = PasswordSetPage(
            brand: visit.brand, form: try await forms.form(.password, interaction, visit), reason: .changeRequired,
            account: PageAccount(account), minimumLength: try await minimumLength(account), problem: problem
        )
        return visit.page(page, status: status, formTargets: try await destination(interaction, visit).targets)
    }

    func setPassword(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard let (account, proof) = try await proved(interaction, visit) else { return expired(visit) }
        guard account.mustChangePassword else { return try await proceed(account, proof, interaction, visit) }
        if try await !factorIsProved(account, proof, visit) { return expired(visit) }
        let mark: PasswordMark
        switch try await change(form, account, visit) {
        case .changed(let changed): mark = changed
        case .problem(let problem):
            let status: HTTPResponse.Status = problem == .busy ? .serviceUnavailable : Self.problemStatus
            return try await passwordPage(account, interaction, visit, problem: problem, status: status)
        }
        // Every session has ended; the new password stands for the first factor.
        var interaction = interaction
        interaction.proof?.password = mark
        interaction.proof?.session = nil
        guard let (changed, renewed) = try await proved(interaction, visit) else { return expired(visit) }
        return try await proceed(changed, renewed, interaction, visit)
    }

    private enum Change {
        case changed(PasswordMark)
        case problem(PasswordSetPage.Problem)
    }

    private func change(_ form: FormParameters, _ account: Account, _ visit: Visit) async throws -> Change {
        guard let password = form[PageField.newPassword] else { return .problem(.missing) }
        guard password.utf8.elementsEqual((form[PageField.repeatedPassword] ?? "").utf8) else { return .problem(.notRepeated) }
        do {
            return switch try await newPassword.change(password, of: account, origin: visit.origin) {
            case .changed(let mark): .changed(mark)
            case .weak(let weakness): .problem(PasswordSetPage.Problem(weakness))
            case .sameAsBefore: .problem(.sameAsBefore)
            case .noSuchAccount: .problem(.expired)
            }
        } catch is PasswordHasher.Busy {
            return .problem(.busy)
        }
    }

    private func minimumLength(_ account: Account) async throws -> Int {
        NewPassword.minimumLength(in: try await accounts.memberships(of: account.id).map(\.tenant))
    }

    private func factorIsProved(_ account: Account, _ proof: Interaction.Proof, _ visit: Visit) async throws -> Bool {
        if SecondFactorQuestion.isProved(proof.methods) { return true }
        return try await !factors.isEnrolled(account.id)
    }
}

extension PasswordSetPage.Problem {
    init(_ weakness: PasswordWeakness) {
        self =
            switch weakness {
            case .tooShort(let minimum): .tooShort(minimumLength: minimum)
            case .tooLong(let maximum): .tooLong(maximumLength: maximum)
            case .containsEmail, .isTenantName: .containsIdentity
            case .common, .breached, .containsControlCharacter: .breached
            }
    }
}

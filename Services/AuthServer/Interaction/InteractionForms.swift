/// The forms of pages that carry an interaction along.
struct InteractionForms: Sendable {
    let formGuard: FormGuard
    let seal: InteractionSeal

    /// - Parameter step: where the form is posted: `{tenant path}/interaction/{step}`.
    func form(_ step: InteractionStep, _ interaction: Interaction, _ visit: Visit) async throws -> PageForm {
        let action = visit.path(step.path)
        return PageForm(
            action: action, csrfToken: try await formGuard.token(for: action, visit.browser),
            request: try await seal.seal(interaction, visit.browser)
        )
    }
}

/// What a form in the middle of an interaction answers.
enum InteractionStep: String, Sendable, CaseIterable {
    case signIn = "sign-in"
    case account
    case secondFactor = "second-factor"
    case enrolment
    case recoveryCodes = "recovery-codes"
    case password
    case consent
    case tenant
    case invitation
    case signOut = "sign-out"

    var path: String { "interaction/\(rawValue)" }
}

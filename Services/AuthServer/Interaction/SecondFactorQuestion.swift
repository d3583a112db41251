import HTTPTypes
import Hummingbird
import QRCode

/// Asks for the second factor, or leads through getting one.
struct SecondFactorQuestion: Sendable {
    let factors: SecondFactors
    let forms: InteractionForms

    /// `amr` values that a second factor leaves (RFC 8176).
    static let methods = ["otp", "mfa"]

    static func isProved(_ methods: [String]) -> Bool { methods.contains("otp") || methods.contains("mfa") }

    /// - Parameter interaction: with the proof of the first factor.
    func ask(_ account: Account, _ interaction: Interaction, _ visit: Visit, targets: [FormTarget]) async throws -> Response {
        if try await factors.isEnrolled(account.id) { return try await ask(account, interaction, visit, targets: targets, problem: nil) }
        let secret = SecondFactors.newSecret()
        let enrolment = SecondFactors.Enrolment(secret, account: account.email, issuer: visit.brand.displayName)
        var interaction = interaction
        interaction.proof?.proposedSecret = secret
        return try await enrol(account, enrolment, interaction, visit, targets: targets, problem: nil)
    }

    func ask(
        _ account: Account, _ interaction: Interaction, _ visit: Visit, targets: [FormTarget],
        method: SecondFactorPage.Method = .authenticator, problem: SecondFactorPage.Problem?, status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) async throws -> Response {
        visit.page(
            SecondFactorPage(
                brand: visit.brand, form: try await forms.form(.secondFactor, interaction, visit), account: PageAccount(account),
                method: method, problem: problem
            ),
            status: status, headers: headers, formTargets: targets
        )
    }

    func enrol(
        _ account: Account, _ enrolment: SecondFactors.Enrolment, _ interaction: Interaction, _ visit: Visit, targets: [FormTarget],
        problem: SecondFactorEnrolmentPage.Problem?, status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        visit.page(
            SecondFactorEnrolmentPage(
                brand: visit.brand, form: try await forms.form(.enrolment, interaction, visit), account: PageAccount(account),
                qrCode: QRCode(enrolment.uri).map { HTML(trustedMarkup: $0.svg) } ?? .empty, secret: enrolment.secret, isRequired: true,
                problem: problem
            ),
            status: status, formTargets: targets
        )
    }
}

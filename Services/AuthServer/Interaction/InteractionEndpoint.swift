import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit
import Tenancy

/// `POST` of `/t/{tenant}/interaction/{step}` and `/interaction/{step}`: the forms in the middle of something.
///
/// Whatever the step, the form is from this browser and this site, and carries an interaction that this server sealed for both.
struct InteractionEndpoint: Sendable {
    let requestTenant: RequestTenant
    let forms: InteractionForms
    let steps: InteractionSteps

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for step in InteractionStep.allCases {
            for prefix in ["t/:tenant/", ""] {
                router.route(RouterPath(prefix + step.path), [.post: { try await answer(step, $0, $1) }])
            }
        }
    }

    private func answer(_ step: InteractionStep, _ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.find(request, context)
        let visit = Visit(request, context, tenant: tenant)
        let form: FormParameters
        switch try await ReceivedForm.read(visit, action: visit.path(step.path), forms.formGuard) {
        case .refused(let response): return response
        case .genuine(let parameters): form = parameters
        }
        guard let interaction = try await forms.seal.open(form[PageField.request], tenant: tenant?.id, visit.browser) else {
            return visit.refusal(.expired, "invalid_request", "the form is too old")
        }
        do {
            return try await steps.answer(step, form, interaction, visit)
        } catch let failure as AuthorizationFailure {
            return AuthorizationAnswer.failure(failure, visit)
        }
    }
}

/// A form as it arrived, once it is known to be genuine.
enum ReceivedForm {
    enum Outcome: Sendable {
        case genuine(FormParameters)
        case refused(Response)
    }

    static func read(_ visit: Visit, action: String, _ formGuard: FormGuard) async throws -> Outcome {
        let body = try await visit.request.body.collect(upTo: TokenRequest.maximumBodyBytes)
        guard TokenRequest.isForm(visit.request.headers[.contentType]) else {
            return .refused(
                visit.refusal(.malformedRequest, "invalid_request", "the content type must be application/x-www-form-urlencoded"))
        }
        let parameters: FormParameters
        do {
            parameters = try FormParameters(parsing: Array(body.readableBytesView))
        } catch {
            return .refused(visit.refusal(.malformedRequest, error.code.rawValue, error.description))
        }
        let token = parameters[PageField.csrfToken]
        switch try await formGuard.check(visit.request, visit.context, token: token, action: action, visit.browser) {
        case .genuine: return .genuine(parameters)
        case .noCookie: return .refused(visit.refusal(.cookies, "invalid_request", "the browser sent no cookie", status: .forbidden))
        case .forged: return .refused(visit.refusal(.forgery, "invalid_request", "the form is not from this browser", status: .forbidden))
        }
    }
}

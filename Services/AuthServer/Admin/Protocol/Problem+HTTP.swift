import HTTPTypes
import Hummingbird
import JSON
import ServiceKit

/// RFC 9457: every refusal of the REST API.
struct ProblemResponse: Refusal {
    let problem: Problem
    var headers: HTTPFields = [:]

    init(_ problem: Problem, headers: HTTPFields = [:]) {
        self.problem = problem
        self.headers = headers
    }

    static let schema = Schema.object(
        "Problem",
        [
            .required("type", .text(1...200), "What kind of problem it is: urn:sallyport:problem:…"),
            .required("title", .text(1...200), "The kind in words."),
            .required("status", .integer(400...599), "The status code."),
            .required("detail", .text(0...2000), "What is wrong with this request."),
            .init("pointer", .text(0...500), "The member of the body that is at fault (RFC 6901)."),
        ])

    func response() -> Response {
        var json: JSONObject = [
            "type": .string("urn:sallyport:problem:\(problem.kind.rawValue)"),
            "title": .string(problem.kind.title),
            "status": .integer(Int64(problem.kind.status.code)),
            "detail": .string(problem.description),
        ]
        if let pointer = problem.pointer { json["pointer"] = .string(pointer) }
        var headers = headers
        headers[.cacheControl] = "no-store"
        return .json(status: problem.kind.status, json.serialized(), headers: headers, contentType: "application/problem+json")
    }
}

extension Problem.Kind {
    var status: HTTPResponse.Status {
        switch self {
        case .malformed: .badRequest
        case .unauthorized: .unauthorized
        case .insufficientScope, .beyondAuthority, .accountNotManaged: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict, .emailTaken, .lastOwner, .roleInUse, .builtInRole: .conflict
        case .changedMeanwhile: .preconditionFailed
        case .tooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .passwordPolicy: .unprocessableContent
        case .busy: .serviceUnavailable
        case .failure: .internalServerError
        }
    }

    var title: String {
        switch self {
        case .malformed: "The request is malformed"
        case .unauthorized: "A valid access token is needed"
        case .insufficientScope: "The token's scopes do not reach so far"
        case .beyondAuthority: "Your role does not reach so far"
        case .accountNotManaged: "The account is not this tenant's to change"
        case .notFound: "Not found"
        case .methodNotAllowed: "The method is not allowed"
        case .conflict: "It conflicts with what is there"
        case .emailTaken: "The e-mail address is taken"
        case .lastOwner: "The last owner stays"
        case .roleInUse: "The role is in use"
        case .builtInRole: "Built-in roles stay as they are"
        case .changedMeanwhile: "It has changed meanwhile"
        case .tooLarge: "The request is too large"
        case .unsupportedMediaType: "The body is not JSON"
        case .passwordPolicy: "The password does not meet the policy"
        case .busy: "Try again shortly"
        case .failure: "Internal error"
        }
    }
}

import HTTPTypes
import Hummingbird
import ServiceKit

/// `{API}/`: the OpenAPI 3.1 document of what this token may do; `{API}/docs`: a page that shows it.
struct OpenAPIEndpoint: Sendable {
    static let docsName = "docs"

    let path: String
    let gate: Gate
    let catalog: LiveCatalog

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(path), [.get: { try await document($0, $1) }])
        for file in DocsPage(path: path).files {
            router.route(RouterPath("\(path)/\(Self.docsName)\(file.suffix)"), [.get: { _, _ in file.response }])
        }
    }

    private func document(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await gate.admit(request, context)
        let catalog = try await catalog.require().catalog
        try Self.requireAcceptable(request.headers[values: .accept])
        let schema = request.headers[.acceptProfile] ?? catalog.schemas.first ?? ""
        guard catalog.schemas.contains(schema) else {
            throw APIError(
                406, "PGRST106", "Invalid schema: \(APIError.excerpt(schema))",
                hint: "Only the following schemas are exposed: \(catalog.schemas.joined(separator: ", "))")
        }
        let document = OpenAPIDocument(catalog: catalog, schema: schema, claims: caller.claims)
        return .json(
            document.serialized(), headers: [.cacheControl: "no-store", .vary: "Accept, Accept-Profile"],
            contentType: "application/openapi+json; charset=utf-8")
    }

    /// - Throws: 406 `PGRST107`.
    private static func requireAcceptable(_ accepted: [String]) throws(APIError) {
        if accepted.contains(where: { $0.contains("openapi+json") }) { return }
        guard try AnswerFormat.negotiated(accepted, for: .read) == .json(stripsNulls: false) else {
            throw APIError(
                406, "PGRST107", "None of these media types are available: \(APIError.excerpt(accepted.joined(separator: ", ")))")
        }
    }
}

import FoundationEssentials
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// `/t/{tenant}/admin/v1/…`: runs the table of routes. What is true of all of them is here: tokens, bodies, queries, entity tags, problems.
struct AdminEndpoint: Sendable {
    static let maximumBodyBytes = 256 * 1024

    let requestTenant: RequestTenant
    let issuers: Issuers
    let authenticator: AdminAuthenticator
    let routes: [AdminRoute]

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        let paths = Dictionary(grouping: routes, by: \.path)
        for (path, routes) in paths {
            var byMethod = Dictionary(uniqueKeysWithValues: routes.map { ($0.method, $0) })
            byMethod[.head] = byMethod[.get]
            let allow = byMethod.keys.map(\.rawValue).sorted().joined(separator: ", ")
            let pattern = Self.pattern(path)
            for method in Self.methods {
                if let route = byMethod[method] {
                    router.on(pattern, method: method) { request, context in
                        let response = try await answer(request, context, route)
                        return method == .head ? response.createHeadResponse() : response
                    }
                } else {
                    router.on(pattern, method: method) { _, _ -> Response in
                        throw ProblemResponse(
                            Problem(.methodNotAllowed, "the method is not allowed here"), headers: [.allow: allow])
                    }
                }
            }
        }
        let document = OpenAPIDocument(routes: routes)
        router.route("t/:tenant/admin/v1/openapi.json", [.get: { request, context in try await openAPI(request, context, document) }])
        for method in Self.methods {
            router.on("t/:tenant/admin/**", method: method) { _, _ -> Response in
                throw ProblemResponse(Problem(.notFound, "there is no such endpoint"))
            }
        }
    }

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    private static func pattern(_ path: String) -> RouterPath {
        let segments = path.split(separator: "/").map { $0.hasPrefix("{") ? ":" + $0.dropFirst().dropLast() : String($0) }
        return RouterPath("t/:tenant/admin/v1/" + segments.joined(separator: "/"))
    }

    @concurrent private func answer(_ request: Request, _ context: ServiceContext, _ route: AdminRoute) async throws -> Response {
        do {
            return try await perform(request, context, route)
        } catch let problem as Problem {
            throw ProblemResponse(problem)
        } catch is TenancyError {
            throw ProblemResponse(Problem(.notFound, "there is no such tenant"))
        } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
            throw ProblemResponse(Problem(.tooLarge, "the body is too large"), headers: [.connection: "close"])
        } catch let error as OAuthError where error.code == .temporarilyUnavailable {
            throw ProblemResponse(Problem(.busy, error.description), headers: [.retryAfter: "1"])
        } catch let refusal as any Refusal {
            throw refusal
        } catch let error as PostgresError where error.isTransient {
            context.logger.error("database unavailable", metadata: metadata(context, "\(error)"))
            throw ProblemResponse(Problem(.busy, "the database is not available at the moment"), headers: [.retryAfter: "1"])
        } catch let error as CancellationError {
            throw error
        } catch {
            let detail = (error as? PostgresError)?.debugDescription ?? "\(error)"
            context.logger.error("request failed", metadata: metadata(context, detail))
            throw ProblemResponse(Problem(.failure, "something went wrong here; the log knows more under the request's id"))
        }
    }

    private func metadata(_ context: ServiceContext, _ error: String) -> Logger.Metadata {
        [
            "route": .string(context.endpointPath ?? "unmatched"), "request_id": .string(context.requestID),
            "error": .string(error),
        ]
    }

    private func perform(_ request: Request, _ context: ServiceContext, _ route: AdminRoute) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        let administrator = try await authenticator.authenticate(request, context, tenant: tenant, route: route)
        guard !route.isPlatform || tenant.slug == .system else {
            throw Problem(.notFound, "tenants are administered in the platform's own tenant")
        }
        let base = "\(issuers.issuer(of: tenant.slug))/admin/v1"
        let admitted = AdminRequest(
            tenant: tenant,
            administrator: administrator,
            path: try parameters(route, context),
            query: try query(request, route),
            body: try await body(request, route),
            ifMatch: request.headers[.ifMatch].flatMap(EntityTag.parse),
            baseURL: base
        )
        return try respond(await route.handler(admitted), to: request, admitted, route)
    }

    private func parameters(_ route: AdminRoute, _ context: ServiceContext) throws(Problem) -> [String: String] {
        var parameters: [String: String] = [:]
        for name in route.parameters {
            guard let raw = context.parameters.get(name), let text = PercentCoding.decode(Array(raw.utf8), plusIsSpace: false),
                text.utf8.count <= 300
            else { throw Problem(.notFound, "there is no such endpoint") }
            parameters[name] = text
        }
        return parameters
    }

    private func query(_ request: Request, _ route: AdminRoute) throws -> [String: String] {
        guard let text = request.uri.query, !text.isEmpty else { return [:] }
        var values: [String: String] = [:]
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard let name = PercentCoding.decode(pair[..<equals], plusIsSpace: true),
                let value = PercentCoding.decode(equals == pair.endIndex ? pair[equals...] : pair[equals...].dropFirst(), plusIsSpace: true)
            else { throw Problem(.malformed, "the query is not properly encoded") }
            guard let parameter = route.query.first(where: { $0.name.isIdenticalBytes(name) }) else {
                throw Problem(.malformed, "the query parameter ‘\(name.prefix(60))’ is unknown")
            }
            guard values[parameter.name] == nil else { throw Problem(.malformed, "the query parameter ‘\(parameter.name)’ is repeated") }
            let json: JSONValue =
                if case .integer = parameter.schema.shape, let number = Int64(value) { .integer(number) } else { .string(value) }
            do {
                try parameter.schema.check(json)
            } catch {
                throw Problem(.malformed, error.description.replacing("the body", with: "the query parameter ‘\(parameter.name)’"))
            }
            values[parameter.name] = value
        }
        return values
    }

    private func body(_ request: Request, _ route: AdminRoute) async throws -> JSONObject {
        guard let schema = route.body else { return JSONObject() }
        let type = request.headers[.contentType] ?? ""
        let mediaType = String(type.prefix { $0 != ";" && $0 != " " }).lowercased()
        guard mediaType == "application/json" || route.method == .patch && mediaType == "application/merge-patch+json" else {
            throw Problem(.unsupportedMediaType, "send application/json")
        }
        let buffer = try await request.body.collect(upTo: Self.maximumBodyBytes)
        let value: JSONValue
        do {
            value = try JSONValue(parsing: Array(buffer.readableBytesView))
        } catch {
            throw Problem(.malformed, "the body is not JSON: \(error)")
        }
        try schema.check(value)
        return value.objectValue ?? JSONObject()
    }

    private func respond(_ answer: AdminAnswer, to request: Request, _ admitted: AdminRequest, _ route: AdminRoute) throws -> Response {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        guard var body = answer.body else { return Response(status: .noContent, headers: headers) }
        if let next = answer.next {
            var components = admitted.query.filter { $0.key != "after" }.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
            components.append(("after", next))
            let query = components.map { "\($0.0)=\(PercentEncoding.query($0.1))" }.joined(separator: "&")
            let path = route.path.split(separator: "/").map { segment in
                segment.hasPrefix("{") ? PercentEncoding.query(admitted.id(String(segment.dropFirst().dropLast()))) : String(segment)
            }
            let url = "\(admitted.baseURL)/\(path.joined(separator: "/"))?\(query)"
            body["next"] = .string(url)
            headers[.linkTarget] = "<\(url)>; rel=\"next\""
        }
        if let location = answer.location { headers[.location] = "\(admitted.baseURL)/\(location)" }
        let bytes = body.serialized()
        if answer.isRepresentation {
            let tag = EntityTag.of(bytes)
            headers[.eTag] = tag
            headers[.cacheControl] = "private, no-cache"
            if route.method == .get, let known = request.headers[.ifNoneMatch],
                EntityTag.parse(known)?.contains(where: { $0 == tag || $0 == "W/" + tag }) ?? true
            {
                return Response(status: .notModified, headers: headers)
            }
        }
        let status: HTTPResponse.Status = if case .created = route.success { .created } else { .ok }
        return .json(status: status, bytes, headers: headers)
    }

    private func openAPI(_ request: Request, _ context: ServiceContext, _ document: OpenAPIDocument) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        let bytes = document.serialized(issuer: issuers.issuer(of: tenant.slug), isPlatform: tenant.slug == .system)
        let tag = EntityTag.of(bytes)
        let headers: HTTPFields = [.cacheControl: "public, max-age=300", .eTag: tag, .accessControlAllowOrigin: "*"]
        if request.headers[.ifNoneMatch] == tag { return Response(status: .notModified, headers: headers) }
        return .json(bytes, headers: headers)
    }
}

extension HTTPField.Name {
    /// RFC 8288.
    fileprivate static let linkTarget = literal("Link")
}

/// RFC 3986 §2.1: everything but unreserved characters.
enum PercentEncoding {
    static func query(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}

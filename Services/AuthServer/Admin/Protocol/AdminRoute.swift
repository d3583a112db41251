import HTTPTypes
import JSON
import NIOCore
import OAuth
import Tenancy

/// What part of the administration a token opens.
enum AdminScope: String, Sendable, CaseIterable {
    /// Every GET.
    case read
    /// Users, their memberships, and invitations.
    case users
    case roles
    case clients
    case keys
    case settings
    /// Sessions, grants and revocations.
    case tokens
    case audit
    /// In the system tenant: the platform's tenants.
    case tenants

    var scope: String { "\(Scope.administration):\(rawValue)" }

    var meaning: String {
        switch self {
        case .read: "Read everything that is administered."
        case .users: "Manage users, their roles, and invitations."
        case .roles: "Manage roles."
        case .clients: "Manage clients."
        case .keys: "Rotate signing keys."
        case .settings: "Change the tenant's settings."
        case .tokens: "End sessions, revoke grants and tokens."
        case .audit: "Read the audit log."
        case .tenants: "Manage the platform's tenants (system tenant only)."
        }
    }
}

/// One line of the administration's table of routes.
struct AdminRoute: Sendable {
    struct QueryParameter: Sendable {
        let name: String
        let schema: Schema
        let description: String

        init(_ name: String, _ schema: Schema, _ description: String) {
            self.name = name
            self.schema = schema
            self.description = description
        }
    }

    enum Success: Sendable {
        case ok(Schema)
        /// 201 with `Location`.
        case created(Schema)
        case noContent
    }

    typealias Handler = @Sendable (AdminRequest) async throws -> AdminAnswer

    let method: HTTPRequest.Method
    /// Below `/t/{tenant}/admin/v1/`; parameters in braces.
    let path: String
    /// `operationId`.
    let name: String
    let summary: String
    let scope: AdminScope
    let query: [QueryParameter]
    let body: Schema?
    let success: Success
    /// Whether the route exists in the system tenant only.
    let isPlatform: Bool
    let handler: Handler

    init(
        _ method: HTTPRequest.Method, _ path: String, _ name: String, _ summary: String, _ scope: AdminScope, query: [QueryParameter] = [],
        body: Schema? = nil, _ success: Success, isPlatform: Bool = false, _ handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.name = name
        self.summary = summary
        self.scope = scope
        self.query = query
        self.body = body
        self.success = success
        self.isPlatform = isPlatform
        self.handler = handler
    }

    /// Either of these is enough.
    var scopes: [AdminScope] { method == .get && scope != .read ? [scope, .read] : [scope] }

    /// The names in braces.
    var parameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}

/// A request that has passed: who asks is known and may, and the body has the shape that the route's table says.
struct AdminRequest: Sendable {
    let tenant: Tenant
    let administrator: Administrator
    let path: [String: String]
    let query: [String: String]
    let body: JSONObject
    /// The entity tags of `If-Match`; nil where it is absent or `*`.
    let ifMatch: [String]?
    /// Where the collection of the route is, for `Location` and `next`.
    let baseURL: String

    func id(_ name: String) -> String { path[name] ?? "" }

    /// - Throws: not found: what is not even an id is nobody's.
    func accountID(_ name: String = "user_id") throws(Problem) -> AccountID {
        guard let id = AccountID(id(name)) else { throw Problem.notFound("user", id(name)) }
        return id
    }

    func clientID() throws(Problem) -> ClientID {
        guard let id = ClientID(id("client_id")) else { throw Problem.notFound("client", id("client_id")) }
        return id
    }

    var limit: Int { query["limit"].flatMap { Int($0) } ?? 50 }

    func text(_ member: String) -> String? { body[member]?.stringValue }
    func flag(_ member: String) -> Bool? { body[member]?.boolValue }

    /// RFC 9110 §13.1.1, with strong comparison. To be called on what is locked, so that nothing changes in between.
    func requireMatch(_ current: JSONObject) throws(Problem) {
        guard let ifMatch else { return }
        guard ifMatch.contains(EntityTag.of(current.serialized())) else {
            throw Problem(.changedMeanwhile, "it has changed since it was read")
        }
    }
}

/// What a handler answers; entity tag, caching and the like are added for all of them alike.
struct AdminAnswer: Sendable {
    var body: JSONObject?
    /// Below the API's base URL.
    var location: String?
    /// Whether the body is the resource as GET would give it: only then it has an entity tag.
    var isRepresentation = true
    /// The cursor of the next page.
    var next: String?

    static let noContent = AdminAnswer(body: nil)

    static func resource(_ body: JSONObject) -> AdminAnswer { AdminAnswer(body: body) }

    static func created(_ body: JSONObject, at location: String, isRepresentation: Bool = true) -> AdminAnswer {
        AdminAnswer(body: body, location: location, isRepresentation: isRepresentation)
    }

    /// A page of at most `limit` rows.
    ///
    /// - Parameters:
    ///   - rows: one more than the page holds where there are more.
    ///   - cursor: what comes after a row.
    static func page<Row>(
        _ rows: [Row], limit: Int, _ json: (Row) -> JSONObject, cursor: (Row) -> String
    ) -> AdminAnswer {
        let shown = rows.prefix(limit)
        let next = rows.count > limit ? shown.last.map { Cursor.encode(cursor($0)) } : nil
        var answer = AdminAnswer(body: ["items": .array(shown.map { .object(json($0)) })])
        answer.next = next
        return answer
    }
}

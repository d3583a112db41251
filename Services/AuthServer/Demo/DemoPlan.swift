import OAuth
import Tenancy

/// What the demo deployment consists of; its identifiers are stable, its secrets are not.
enum DemoPlan {
    struct DemoClient: Sendable {
        /// The name under which the demo's file lists it.
        let label: String
        let name: String
        let grants: Set<GrantType>
        let method: ClientAuthenticationMethod
        let redirectURIs: [String]
        let scopes: String
        /// The role of a client that acts for itself.
        var role: String? = nil
        var isResourceServer = false
    }

    struct DemoUser: Sendable {
        /// The name under which the demo's file lists it.
        let label: String
        let name: String
        let role: String
        /// The address in a tenant.
        let email: @Sendable (_ slug: String) -> String
        /// In several tenants, none of which manages the account.
        var isShared = false
    }

    static let tenants = [(slug: "acme", name: "Acme Corporation"), (slug: "globex", name: "Globex Industries")]

    private static let dataScopes =
        ["customers", "orders", "order_items", "tags", "order_tags"]
        .flatMap { table in ["read", "write", "delete"].map { "\(table):\($0)" } }
        .joined(separator: " ") + " currencies:read order_totals:read search_customers:execute place_order:execute"

    private static let personScopes = dataScopes + " openid profile email offline_access"

    static let clients = [
        DemoClient(
            label: "web", name: "Web application", grants: [.authorizationCode, .refreshToken], method: .clientSecretBasic,
            redirectURIs: ["http://127.0.0.1:8765/callback"], scopes: personScopes
        ),
        DemoClient(
            label: "spa", name: "Single-page application", grants: [.authorizationCode, .refreshToken], method: .none,
            redirectURIs: ["http://127.0.0.1:8765/callback"], scopes: personScopes
        ),
        DemoClient(
            label: "service", name: "Back-end service", grants: [.clientCredentials], method: .clientSecretBasic, redirectURIs: [],
            scopes: dataScopes
        ),
        DemoClient(
            label: "legacy", name: "Legacy application", grants: [.password, .refreshToken], method: .clientSecretBasic, redirectURIs: [],
            scopes: personScopes
        ),
        DemoClient(
            label: "resource-server", name: "Resource server", grants: [], method: .clientSecretBasic, redirectURIs: [], scopes: "",
            isResourceServer: true
        ),
    ]

    /// One of each built-in role, and one person who is in both tenants.
    static let users =
        [
            ("owner", "Olivia Owner"), ("admin", "Adam Admin"), ("manager", "Mona Manager"), ("user", "Uri User"),
            ("readonly", "Rita Reader"),
        ]
        .map { role, name in DemoUser(label: role, name: name, role: role) { "\(role)@\($0).example" } } + [
            DemoUser(
                label: "consultant", name: "Connie Consultant", role: "user", email: { _ in "consultant@example.com" }, isShared: true)
        ]

    static let adminClient = DemoClient(
        label: "admin-cli", name: "Administration", grants: [.clientCredentials], method: .clientSecretBasic, redirectURIs: [],
        scopes: "admin:*", role: "owner"
    )
}

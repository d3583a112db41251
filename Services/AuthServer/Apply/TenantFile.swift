import JSON
import OAuth
import Tenancy

/// A tenant's settings, roles and clients as a file says them. What a client or the settings leave out has its default; a section that is
/// left out is not touched.
struct TenantFile: Sendable {
    let tenant: TenantSlug
    var settings: JSONObject?
    var roles: [Role]?
    var clients: [ClientEntry]?

    struct ClientEntry: Sendable {
        let id: ClientID
        let settings: JSONObject
    }

    static let schema = Schema.object(
        "TenantFile",
        [
            .required("tenant", .text(1...63), "The slug."),
            .init("settings", .object("FileSettings", Tenant.settingsSchema), ""),
            .init("roles", .array(AdminSchemas.newRole, maximum: 1000), "The tenant's own."),
            .init(
                "clients",
                .array(
                    .object("FileClient", [.required("client_id", .text(1...255), "")] + Client.settingsSchema), maximum: 10_000), ""),
        ])

    init(tenant: TenantSlug, settings: JSONObject? = nil, roles: [Role]? = nil, clients: [ClientEntry]? = nil) {
        self.tenant = tenant
        self.settings = settings
        self.roles = roles
        self.clients = clients
    }

    /// - Throws: ``YAMLError``, ``Problem`` naming the member.
    init(_ bytes: [UInt8]) throws {
        let value = try YAMLReader.read(bytes)
        try Self.schema.check(value)
        let object = value.objectValue ?? JSONObject()
        tenant = try TenantSlug(object["tenant"]?.stringValue ?? "")
        settings = object["settings"]?.objectValue
        roles = object["roles"]?.arrayValue?.compactMap(\.objectValue).map { role in
            Role(
                name: role["name"]?.stringValue ?? "", rank: Int(role["rank"]?.intValue ?? 0),
                permissions: role["permissions"]?.arrayValue?.compactMap(\.stringValue) ?? [], isBuiltIn: false)
        }
        clients = try object["clients"]?.arrayValue?.compactMap(\.objectValue).enumerated().map { index, client in
            guard let id = ClientID(client["client_id"]?.stringValue ?? "") else {
                throw Problem(.malformed, "the member /clients/\(index)/client_id is not a client_id")
            }
            return ClientEntry(id: id, settings: client)
        }
        try Self.requireDistinct(roles?.map(\.name) ?? [], "role")
        try Self.requireDistinct(clients?.map(\.id.rawValue) ?? [], "client")
    }

    var object: JSONObject {
        var object: JSONObject = ["tenant": .string(tenant.rawValue)]
        if let settings { object["settings"] = .object(settings) }
        if let roles {
            object["roles"] = .array(
                roles.map { role in
                    [
                        "name": .string(role.name), "rank": .integer(Int64(role.rank)),
                        "permissions": .array(role.permissions.map(JSONValue.string)),
                    ]
                })
        }
        if let clients { object["clients"] = .array(clients.map { .object($0.settings) }) }
        return object
    }

    private static func requireDistinct(_ names: [String], _ what: String) throws(Problem) {
        var seen: Set<ExactString> = []
        for name in names where !seen.insert(ExactString(name)).inserted {
            throw Problem(.malformed, "the \(what) ‘\(name)’ is there twice")
        }
    }
}

extension Client {
    /// As a file says it.
    var fileEntry: TenantFile.ClientEntry {
        TenantFile.ClientEntry(
            id: id, settings: JSONObject([("client_id", .string(id.rawValue))] + settings.members.map { ($0.name, $0.value) }))
    }
}

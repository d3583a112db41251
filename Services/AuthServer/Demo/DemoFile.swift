import FoundationEssentials
import JSON

/// The demo's values as a file for people and tests: mode 0600, since it holds secrets.
struct DemoFile: Sendable {
    struct Client: Sendable {
        let label: String
        let clientID: String
        let clientSecret: String?
        let redirectURIs: [String]
    }

    struct User: Sendable {
        let label: String
        let username: String
        let password: String
    }

    struct Tenant: Sendable {
        let slug: String
        let issuer: String
        let clients: [Client]
        var users: [User] = []
    }

    var baseURL: String
    var apiURL: String
    var tenants: [Tenant]
    var system: Tenant

    /// What an earlier run wrote: secrets by client_id, passwords by username; empty where there is no such file.
    static func secrets(at path: String) throws -> (clients: [String: String], users: [String: String]) {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return ([:], [:]) }
        guard let root = (try? JSONValue(parsing: Array(data)))?.objectValue else {
            throw CommandFailure("\(path): is not the demo's file; move it away")
        }
        var tenants = root["tenants"]?.objectValue?.members.map(\.value) ?? []
        if let system = root["system"] { tenants.append(system) }
        func pairs(_ list: String, _ name: String, _ secret: String) -> [String: String] {
            var found: [String: String] = [:]
            for entry in tenants.flatMap({ $0.objectValue?[list]?.objectValue?.members ?? [] }) {
                guard let entry = entry.value.objectValue, let name = entry[name]?.stringValue else { continue }
                found[name] = entry[secret]?.stringValue
            }
            return found
        }
        return (pairs("clients", "client_id", "client_secret"), pairs("users", "username", "password"))
    }

    func write(to path: String) throws {
        var json = JSONWriter(reserving: 4096)
        json.beginObject()
        json.field("base_url", baseURL)
        json.field("api_url", apiURL)
        json.name("tenants")
        json.beginObject()
        for tenant in tenants {
            json.name(tenant.slug)
            write(tenant, to: &json)
        }
        json.endObject()
        json.name("system")
        write(system, to: &json)
        json.endObject()
        try PrivateFile.write(json.bytes + [0x0a], to: path)
    }

    private func write(_ tenant: Tenant, to json: inout JSONWriter) {
        json.beginObject()
        json.field("issuer", tenant.issuer)
        json.name("clients")
        json.beginObject()
        for client in tenant.clients {
            json.name(client.label)
            json.beginObject()
            json.field("client_id", client.clientID)
            if let secret = client.clientSecret { json.field("client_secret", secret) }
            if !client.redirectURIs.isEmpty {
                json.name("redirect_uris")
                json.beginArray()
                for uri in client.redirectURIs { json.string(uri) }
                json.endArray()
            }
            json.endObject()
        }
        json.endObject()
        json.name("users")
        json.beginObject()
        for user in tenant.users {
            json.name(user.label)
            json.beginObject()
            json.field("username", user.username)
            json.field("password", user.password)
            json.endObject()
        }
        json.endObject()
        json.endObject()
    }
}

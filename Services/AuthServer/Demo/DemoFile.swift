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

    struct Tenant: Sendable {
        let slug: String
        let issuer: String
        let clients: [Client]
    }

    var baseURL: String
    var apiURL: String
    var tenants: [Tenant]
    var system: Tenant

    /// The secrets that an earlier run wrote, by client_id; empty where there is no such file.
    static func secrets(at path: String) throws -> [String: String] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return [:] }
        guard let root = (try? JSONValue(parsing: Array(data)))?.objectValue else {
            throw CommandFailure("\(path): is not the demo's file; move it away")
        }
        var tenants = root["tenants"]?.objectValue?.members.map(\.value) ?? []
        if let system = root["system"] { tenants.append(system) }
        var secrets: [String: String] = [:]
        for client in tenants.flatMap({ $0.objectValue?["clients"]?.objectValue?.members ?? [] }) {
            guard let id = client.value.objectValue?["client_id"]?.stringValue,
                let secret = client.value.objectValue?["client_secret"]?.stringValue
            else { continue }
            secrets[id] = secret
        }
        return secrets
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
        json.endObject()
        json.endObject()
    }
}

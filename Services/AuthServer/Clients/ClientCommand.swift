import ArgumentParser
import JSON
import OAuth
import Postgres
import Tenancy

struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Create, change, list and disable clients.",
        subcommands: [Create.self, Update.self, List.self, RotateSecret.self, Disable.self, Enable.self]
    )

    struct Create: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a client; its secret is shown once.",
            discussion: """
                A backend that calls the API for itself:
                  auth-server client create --tenant acme --name reports --grant client_credentials --scope "customers:read orders:read"
                """
        )

        @OptionGroup var target: TenantTarget
        @Option(name: .customLong("client-id"), help: "Its identifier, unique on the platform (default: generated).") var clientID: String?
        @OptionGroup var settings: ClientSettingsOptions
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            guard let id = clientID.map({ ClientID($0) }) ?? ClientID.generate() else {
                throw CommandFailure("--client-id: use 1 to 255 printable ASCII characters without space, colon, quote and backslash")
            }
            var client = Client.unconfigured(id, in: tenant.id)
            try await settings.apply(to: &client) { try await administration.clients.role($0, in: tenant.id) }
            guard !client.grantTypes.isEmpty else { throw CommandFailure("--grant is missing: name at least one grant type") }
            let secret = try await administration.clientAdministration.create(client, by: .operator)
            output.print(
                json: { json in
                    client.write(to: &json)
                    if let secret { json.field("client_secret", secret.rawValue) }
                },
                text: "client_id      \(client.id)"
                    + (secret.map { "\nclient_secret  \($0.rawValue)\n\nThe secret is not shown again." } ?? "")
            )
        }
    }

    struct Update: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Change settings of a client; what is not given stays as it is.")

        @OptionGroup var target: ClientTarget
        @OptionGroup var settings: ClientSettingsOptions
        @OptionGroup var output: OutputOptions

        func run(on client: Client, _ administration: Administration) async throws {
            let tenant = client.tenantID
            let updated = try await administration.clientAdministration.update(client.id, in: tenant, by: .operator) { client, _ in
                try await settings.apply(to: &client) { try await administration.clients.role($0, in: tenant) }
            }
            let needsSecret = !updated.hasUsableSecret
            output.print(
                json: { updated.write(to: &$0) },
                text: "Updated client \(updated.id)."
                    + (needsSecret ? " It needs a secret now: auth-server client rotate-secret" : "")
            )
        }
    }

    struct List: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "List a tenant's clients.")

        @OptionGroup var target: TenantTarget
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let clients = try await administration.clients.all(in: tenant.id)
            output.print(
                json: { json in
                    json.name("clients")
                    json.beginArray()
                    for client in clients {
                        json.beginObject()
                        client.write(to: &json)
                        json.endObject()
                    }
                    json.endArray()
                },
                text: clients.map { client in
                    let grants = client.grantTypes.map(\.rawValue).sorted().joined(separator: ",")
                    return "\(client.id)\t\(client.isDisabled ? "disabled" : "active")\t\(grants)\t\(client.name)"
                }.joined(separator: "\n")
            )
        }
    }

    struct RotateSecret: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a client a new secret; the one before stays valid for a while.",
            discussion: "Two secrets are valid at a time, so that the client can change over without an outage."
        )

        @OptionGroup var target: ClientTarget
        @Option(help: "How long the previous secret stays valid, in seconds; 0 ends it and its tokens now.") var overlap: Int = 86_400
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (0...31_536_000).contains(overlap) else { throw ValidationError("--overlap: give 0 to 31536000 seconds.") }
        }

        func run(on client: Client, _ administration: Administration) async throws {
            let secret = try await administration.clientAdministration.rotateSecret(
                of: client.id, in: client.tenantID, overlapSeconds: overlap, by: .operator)
            output.print(
                json: { json in
                    json.field("client_id", client.id.rawValue)
                    json.field("client_secret", secret.rawValue)
                    json.field("previous_secret_valid_seconds", Int64(overlap))
                },
                text: "client_secret  \(secret.rawValue)\n\nThe secret is not shown again."
            )
        }
    }

    struct Disable: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse a client from now on, and every token that it holds.")

        @OptionGroup var target: ClientTarget
        @OptionGroup var output: OutputOptions

        func run(on client: Client, _ administration: Administration) async throws {
            try await ClientCommand.setDisabled(true, client, administration, output)
        }
    }

    struct Enable: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled client work again.")

        @OptionGroup var target: ClientTarget
        @OptionGroup var output: OutputOptions

        func run(on client: Client, _ administration: Administration) async throws {
            try await ClientCommand.setDisabled(false, client, administration, output)
        }
    }

    fileprivate static func setDisabled(
        _ isDisabled: Bool, _ client: Client, _ administration: Administration, _ output: OutputOptions
    ) async throws {
        try await administration.clientAdministration.setDisabled(isDisabled, client.id, in: client.tenantID, by: .operator)
        output.print(
            json: { json in
                json.field("client_id", client.id.rawValue)
                json.field("disabled", isDisabled)
            },
            text: "\(isDisabled ? "Disabled" : "Enabled") client \(client.id)."
        )
    }
}

/// Names one client of one tenant.
struct ClientTarget: CommandTarget {
    @OptionGroup var tenant: TenantTarget
    @Argument(help: "The client_id.") var clientID: String

    func require(_ administration: Administration) async throws -> Client {
        let tenant = try await tenant.require(administration)
        guard let id = ClientID(clientID), let client = try await administration.clients.find(id, in: tenant.id) else {
            throw CommandFailure(
                "the tenant ‘\(tenant.slug)’ has no client ‘\(clientID)’; see: auth-server client list --tenant \(tenant.slug)")
        }
        return client
    }
}

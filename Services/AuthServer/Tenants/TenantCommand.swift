import ArgumentParser
import FoundationEssentials
import JOSE
import JSON
import Tenancy

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Create, change, list, disable, move and erase tenants.",
        subcommands: [Create.self, Update.self, List.self, Disable.self, Enable.self, Export.self, Import.self, Delete.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a tenant with its built-in roles and signing keys.",
            discussion: "The tenant's issuer is {SALLYPORT_BASE_URL}/t/{slug} and never changes."
        )

        @Argument(help: "1 to 63 of a-z, 0-9 and hyphen; part of the issuer, so choose well.") var slug: String
        @Option(help: "The name that people see (default: the slug).") var name: String?
        @Option(help: "What its keys sign with: \(JWSAlgorithm.signing.map(\.rawValue).joined(separator: ", ")).")
        var signingAlgorithm: String = "ES256"
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (slug, name, algorithm, output) = (slug, name, try SigningAlgorithmOption.parse(signingAlgorithm), output)
            try await Administration.run { administration in
                let tenant = Tenant(
                    id: TenantID(UUID()), slug: try TenantSlug(slug), name: name ?? slug, isDisabled: false, signingAlgorithm: algorithm
                )
                guard try await administration.tenants.find(.slug(tenant.slug)) == nil else {
                    throw CommandFailure("the tenant ‘\(slug)’ exists already")
                }
                try await TenantCreation(administration).create(tenant)
                output.print(json: { tenant.write(to: &$0) }, text: "Created tenant \(slug) (\(tenant.id)).")
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change a tenant's settings; what is not given stays as it is.")

        @Argument(help: "The tenant's slug.") var slug: String
        @Option(help: "The name that people see.") var name: String?
        @Option(help: "The color of its pages: #rrggbb; none for the default.") var color: String?
        @Option(name: .customLong("logo-uri"), help: "Its logo, an https URL; none for no logo.") var logoURI: String?
        @Flag(inversion: .prefixedNo, help: "Nobody signs in by a password alone.") var requiresSecondFactor: Bool?
        @Flag(inversion: .prefixedNo, help: "Signing in ends the person's other sessions.") var oneSessionOnly: Bool?
        @Option(help: "How long a session lasts, 300 to 31536000 seconds.") var sessionLifetime: Int?
        @Option(help: "How long a session lasts unused, 60 to 31536000 seconds.") var sessionIdle: Int?
        @Option(help: "The least length of a password, 8 to 128.") var passwordMinimumLength: Int?
        @Option(help: "Rotate signing keys of this age, 1 to 3650 days; 0 for only when somebody says so.") var keyRotationDays: Int?
        @Flag(inversion: .prefixedNo, help: "Access tokens name a status list, which says whether they were revoked.")
        var publishesTokenStatus: Bool?
        @OptionGroup var output: OutputOptions

        private var changes: JSONObject {
            var changes = JSONObject()
            func text(_ value: String) -> JSONValue { value == "none" ? .null : .string(value) }
            if let name { changes["name"] = .string(name) }
            if let color { changes["color"] = text(color) }
            if let logoURI { changes["logo_uri"] = text(logoURI) }
            if let requiresSecondFactor { changes["requires_second_factor"] = .bool(requiresSecondFactor) }
            if let oneSessionOnly { changes["allows_one_session_only"] = .bool(oneSessionOnly) }
            if let sessionLifetime { changes["session_lifetime"] = .integer(Int64(sessionLifetime)) }
            if let sessionIdle { changes["session_idle_lifetime"] = .integer(Int64(sessionIdle)) }
            if let passwordMinimumLength { changes["password_minimum_length"] = .integer(Int64(passwordMinimumLength)) }
            if let keyRotationDays { changes["key_rotation_days"] = keyRotationDays == 0 ? .null : .integer(Int64(keyRotationDays)) }
            if let publishesTokenStatus { changes["publishes_token_status"] = .bool(publishesTokenStatus) }
            return changes
        }

        func run() async throws {
            let (slug, changes, output) = (slug, changes, output)
            try await Administration.run { administration in
                try AdminSchemas.settings.check(.object(changes))
                let tenant = try await administration.tenantAdministration.update(administration.tenant(slug).id, by: .operator) {
                    $0.set(changes)
                }
                output.print(json: { tenant.write(to: &$0) }, text: "Updated tenant \(slug).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all tenants.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let output = output
            try await Administration.run { administration in
                let tenants = try await administration.tenants.all()
                output.print(
                    json: { json in
                        json.name("tenants")
                        json.beginArray()
                        for tenant in tenants {
                            json.beginObject()
                            tenant.write(to: &json)
                            json.endObject()
                        }
                        json.endArray()
                    },
                    text: tenants.map { "\($0.slug)\t\($0.id)\t\($0.isDisabled ? "disabled" : "active")\t\($0.name)" }
                        .joined(separator: "\n")
                )
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop issuing tokens for a tenant, and refuse those that it has issued, at once.")

        @Argument(help: "The tenant's slug.") var slug: String
        @OptionGroup var output: OutputOptions

        func run() async throws { try await setDisabled(slug, true, output) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled tenant work again.")

        @Argument(help: "The tenant's slug.") var slug: String
        @OptionGroup var output: OutputOptions

        func run() async throws { try await setDisabled(slug, false, output) }
    }

    private static func setDisabled(_ slug: String, _ isDisabled: Bool, _ output: OutputOptions) async throws {
        try await Administration.run { administration in
            try await administration.tenantAdministration.setDisabled(isDisabled, administration.tenant(slug).id, by: .operator)
            output.print(
                json: { json in
                    json.field("tenant", slug)
                    json.field("disabled", isDisabled)
                },
                text: "\(isDisabled ? "Disabled" : "Enabled") tenant \(slug)."
            )
        }
    }
}

/// A tenant comes into being with everything it needs, in one transaction.
struct TenantCreation: Sendable {
    let administration: Administration

    init(_ administration: Administration) {
        self.administration = administration
    }

    func create(_ tenant: Tenant) async throws {
        try await administration.tenantAdministration.create(tenant, vault: administration.keyVault(), by: .operator)
    }
}

enum SigningAlgorithmOption {
    static func parse(_ text: String) throws -> JWSAlgorithm {
        guard let algorithm = JWSAlgorithm.signing.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw ValidationError("‘\(text)’ is not one of \(JWSAlgorithm.signing.map(\.rawValue).joined(separator: ", ")).")
        }
        return algorithm
    }
}

extension Tenant {
    func write(to json: inout JSONWriter) {
        json.field("tenant", slug.rawValue)
        json.field("id", id.description)
        json.field("name", name)
        json.field("disabled", isDisabled)
        json.field("signing_algorithm", signingAlgorithm.rawValue)
        for (name, value) in settingsObject.members where name != "name" { json.field(name, value) }
    }
}

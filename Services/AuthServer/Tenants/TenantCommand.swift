import ArgumentParser
import FoundationEssentials
import JOSE
import JSON
import Tenancy

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Create, list and disable tenants.",
        subcommands: [Create.self, List.self, Disable.self, Enable.self]
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
        static let configuration = CommandConfiguration(abstract: "Stop issuing tokens for a tenant, at once.")

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
            guard try await administration.tenants.setDisabled(TenantSlug(slug), isDisabled) else {
                throw CommandFailure("there is no tenant ‘\(slug)’; see: auth-server tenant list")
            }
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
        let vault = try administration.keyVault()
        let keys = try [SigningKeyState.active, .next].map {
            try vault.generate(tenant.signingAlgorithm, state: $0, tenant: tenant.id, now: Date())
        }
        try await administration.tenants.insert(tenant, roles: Role.builtIn, keys: keys)
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
    }
}

import ArgumentParser
import JSON
import ServiceKit
import Tenancy

struct RoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role", abstract: "List a tenant's roles; make, change and remove its own.",
        discussion: """
            A role is a name, a rank and permissions. Permissions are scopes with * as wildcard on either side, such as orders:* or *:read; \
            administration is never part of a wildcard: say admin:*, or single ones such as admin:users. Nobody grants a role whose rank is \
            above their own. Built-in roles stay as they are.
            """,
        subcommands: [List.self, Create.self, Update.self, Remove.self]
    )

    struct List: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "List roles, the highest first.")

        @OptionGroup var target: TenantTarget
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let roles = try await administration.roles.store.all(in: tenant.id)
            output.print(
                json: { $0.field("roles", .array(roles.map { .object($0.json) })) },
                text: roles.map {
                    "\($0.name)\t\($0.rank)\t\($0.isBuiltIn ? "built in" : "own")\t\($0.permissions.joined(separator: " "))"
                }
                .joined(separator: "\n")
            )
        }
    }

    struct Create: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Make a role of the tenant's own.")

        @OptionGroup var target: RoleTarget
        @Option(help: "0 to 99; owner 100, admin 80, manager 60, user 40, readonly 20.") var rank: Int
        @Option(help: "What it permits, separated by spaces.") var permissions: String
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let role = Role(name: target.role, rank: rank, permissions: permissions.words, isBuiltIn: false)
            try await administration.roles.create(role, in: tenant.id, by: .operator)
            output.print(json: { role.write(to: &$0) }, text: "Created role \(role.name).")
        }
    }

    struct Update: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a role; what is not given stays as it is.",
            discussion: "Whoever holds the role signs in anew: their sessions, grants and tokens end."
        )

        @OptionGroup var target: RoleTarget
        @Option(help: "0 to 99.") var rank: Int?
        @Option(help: "What it permits from now on, separated by spaces.") var permissions: String?
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let role = try await administration.roles.update(
                target.role, rank: rank, permissions: permissions?.words, in: tenant.id, by: .operator)
            output.print(json: { role.write(to: &$0) }, text: "Updated role \(role.name).")
        }
    }

    struct Remove: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a role that nobody holds.")

        @OptionGroup var target: RoleTarget
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            try await administration.roles.remove(target.role, in: tenant.id, by: .operator)
            output.print(json: { $0.field("removed", target.role) }, text: "Removed role \(target.role).")
        }
    }
}

/// Names one role of one tenant.
struct RoleTarget: CommandTarget {
    @OptionGroup var tenant: TenantTarget
    @Argument(help: "The role's name.") var role: String

    /// The tenant: whether it has the role, and may change it, is seen in the transaction that does.
    func require(_ administration: Administration) async throws -> Tenant { try await tenant.require(administration) }
}

extension Role {
    fileprivate func write(to writer: inout JSONWriter) {
        for (name, value) in json.members { writer.field(name, value) }
    }
}

extension String {
    fileprivate var words: [String] { split(separator: " ").map(String.init) }
}

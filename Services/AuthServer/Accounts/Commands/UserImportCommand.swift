import ArgumentParser
import FoundationEssentials
import JSON
import ServiceKit
import Tenancy

extension UserCommand {
    struct Import: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take users over from another system, with their password hashes: all or none.",
            discussion: """
                One JSON object a line, or CSV with a header: email, name, role (default: user), password_hash. Hashes are those of Werkzeug, \
                Django, bcrypt, passlib, or PHC strings; each is replaced by a stronger one when its owner first signs in.
                """
        )

        @OptionGroup var target: TenantTarget
        @Argument(help: "The file.") var file: String
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw CommandFailure("\(file): cannot be read") }
            let users = UserImport(accounts: administration.accounts, clients: administration.clients, clock: .system)
            let count = try await users.run(Array(data), into: tenant.id)
            output.print(
                json: { $0.field("imported", Int64(count)) },
                text: "Imported \(count) \(count == 1 ? "user" : "users") into \(tenant.slug)."
            )
        }
    }
}

import ArgumentParser
import FoundationEssentials
import JSON
import ServiceKit
import Tenancy

extension UserCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take users over from another system, with their password hashes: all or none.",
            discussion: """
                One JSON object a line, or CSV with a header: email, name, role (default: user), password_hash. Hashes are those of Werkzeug, \
                Django, bcrypt, passlib, or PHC strings; each is replaced by a stronger one when its owner first signs in.
                """
        )

        @Option(help: "The tenant's slug.") var tenant: String
        @Argument(help: "The file.") var file: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (slug, file, output) = (tenant, file, output)
            try await Administration.run { administration in
                let tenant = try await administration.tenant(slug)
                guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw CommandFailure("\(file): cannot be read") }
                let users = UserImport(accounts: administration.accounts, clients: administration.clients, clock: .system)
                let count = try await users.run(Array(data), into: tenant.id)
                output.print(
                    json: { $0.field("imported", Int64(count)) }, text: "Imported \(count) \(count == 1 ? "user" : "users") into \(slug)."
                )
            }
        }
    }
}

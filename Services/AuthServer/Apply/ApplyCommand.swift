import ArgumentParser
import FoundationEssentials
import Glibc
import JSON
import ServiceKit
import Tenancy

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Make a tenant's settings, roles and clients what a YAML or JSON file says.",
        discussion: """
            Prints what it would do, asks, and does all of it in one transaction. A section that the file leaves out is not touched; a setting \
            that a client leaves out has its default. Files hold no secrets: give a new client one with ‘client rotate-secret --overlap 0’. \
            ‘auth-server export’ writes such a file.
            """
    )

    @Argument(help: "The file; - for standard input.") var file: String
    @Flag(help: "Print the plan, and do nothing.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Remove the clients and roles that the file does not have.") var prune = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let (path, dryRun, yes, prune, output) = (file, dryRun, yes, prune, output)
        try await Administration.run { administration in
            let source = path == "-" ? "/dev/stdin" : path
            guard let data = try? Data(contentsOf: URL(filePath: source)) else { throw CommandFailure("\(path): cannot be read") }
            let file: TenantFile
            do {
                file = try TenantFile(Array(data))
            } catch {
                throw CommandFailure("\(path): \(error)")
            }
            let tenant = try await administration.tenant(file.tenant.rawValue)
            let application = TenantApplication(administration)
            let plan = try await application.plan(file, for: tenant, isPruning: prune)
            if !plan.isEmpty, !dryRun {
                if !yes {
                    guard path != "-", isatty(STDIN_FILENO) == 1 else {
                        throw CommandFailure("\(plan)\n\nThere is nobody to ask: say --yes to do this, or --dry-run")
                    }
                    print("\(plan)\n\nDo this to the tenant \(tenant.slug)? (yes or no) ", terminator: "")
                    fflush(nil)
                    guard readLine() == "yes" else { throw CommandFailure("nothing was done") }
                }
                try await application.apply(plan, of: file, to: tenant, by: .operator)
            }
            output.print(
                json: { json in
                    json.field("tenant", tenant.slug.rawValue)
                    json.field("applied", !dryRun && !plan.isEmpty)
                    json.field("steps", .array(plan.steps.map(\.json)))
                },
                text: plan.isEmpty
                    ? "The tenant \(tenant.slug) is as the file says." : "\(plan)\n\n\(dryRun ? "Nothing was done." : "Done.")"
            )
        }
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print a tenant's settings, roles and clients as the YAML that ‘apply’ takes.",
        discussion: "Without secrets, users, built-in roles and keys."
    )

    @Option(help: "The tenant's slug.") var tenant: String
    @Flag(help: "Print JSON instead.") var json = false

    func run() async throws {
        let (slug, json) = (tenant, json)
        try await Administration.run { administration in
            let tenant = try await administration.tenant(slug)
            let object = try await TenantApplication(administration).export(tenant).object
            print(json ? String(decoding: object.serialized(), as: UTF8.self) + "\n" : YAMLWriter.text(object), terminator: "")
        }
    }
}

extension TenantPlan.Step {
    fileprivate var json: JSONValue {
        let (verb, kind, name, changed) = words
        return [
            "verb": .string(verb), "kind": .string(kind), "name": .string(name), "changed": .array(changed.map(JSONValue.string)),
        ]
    }
}

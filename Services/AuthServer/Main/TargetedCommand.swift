import ArgumentParser
import Tenancy

/// What a verb's options name: a tenant, or something in one.
protocol CommandTarget: ParsableArguments, Sendable {
    associatedtype Found

    /// - Throws: a message that names what is missing.
    func require(_ administration: Administration) async throws -> Found
}

/// A verb about something that is there: it is found first.
protocol TargetedCommand: AsyncParsableCommand, Sendable {
    associatedtype Target: CommandTarget

    var target: Target { get }

    func run(on found: Target.Found, _ administration: Administration) async throws
}

extension TargetedCommand {
    func run() async throws {
        let command = self
        try await Administration.run { administration in
            try await command.run(on: command.target.require(administration), administration)
        }
    }
}

/// `--tenant`, understood by every verb that works inside one.
struct TenantTarget: CommandTarget {
    @Option(help: "The tenant's slug.") var tenant: String

    func require(_ administration: Administration) async throws -> Tenant {
        try await administration.tenant(tenant)
    }
}

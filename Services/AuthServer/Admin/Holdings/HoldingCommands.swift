import ArgumentParser
import FoundationEssentials
import JSON
import OAuth
import Revocation
import ServiceKit
import Tenancy

struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "List and end people's sessions in a tenant.", subcommands: [List.self, End.self]
    )

    struct List: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "List sessions that have not ended.")

        @OptionGroup var target: TenantTarget
        @Option(help: "Those of this user, by id.") var user: String?
        @Option(help: "So many at most, 1 to 1000.") var limit: Int = 100
        @OptionGroup var output: OutputOptions

        func validate() throws { try HoldingOptions.validate(limit: limit, user: user) }

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let sessions = try await administration.holdings.store.sessions(
                of: user.flatMap { AccountID($0) }, in: tenant.id, after: nil, limit: limit, now: WallClock.system.now)
            output.print(
                json: { $0.field("sessions", .array(sessions.map { .object($0.json) })) },
                text: sessions.map { "\($0.id.uuidString.lowercased())\t\($0.account)\t\($0.address)\t\($0.userAgent)" }
                    .joined(separator: "\n")
            )
        }
    }

    struct End: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "End a session: its grants and tokens die with it, at once.")

        @OptionGroup var target: TenantTarget
        @Argument(help: "The session's id.") var id: String
        @OptionGroup var output: OutputOptions

        func validate() throws { _ = try HoldingOptions.uuid(id) }

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let id = try HoldingOptions.uuid(id)
            try await administration.holdings.endSession(id, reason: "ended by an operator", in: tenant.id, by: .operator)
            output.print(json: { $0.field("ended", Sessions.name(id)) }, text: "Ended session \(Sessions.name(id)).")
        }
    }
}

struct GrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant", abstract: "List and revoke what people allowed clients in a tenant.", subcommands: [List.self, Revoke.self]
    )

    struct List: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "List grants that are not revoked.")

        @OptionGroup var target: TenantTarget
        @Option(help: "Those of this user, by id.") var user: String?
        @Option(help: "Those of this client.") var client: String?
        @Option(help: "So many at most, 1 to 1000.") var limit: Int = 100
        @OptionGroup var output: OutputOptions

        func validate() throws {
            try HoldingOptions.validate(limit: limit, user: user)
            guard user == nil || client == nil else { throw ValidationError("Give --user or --client, not both.") }
        }

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let holder: HoldingStore.Holder =
                if let account = user.flatMap({ AccountID($0) }) { .account(account) } else { client.map { .client($0) } ?? .anybody }
            let grants = try await administration.holdings.store.grants(
                of: holder, in: tenant.id, after: nil, limit: limit, now: WallClock.system.now)
            output.print(
                json: { $0.field("grants", .array(grants.map { .object($0.json) })) },
                text: grants.map { "\($0.id)\t\($0.account)\t\($0.client)\t\($0.scopes)" }.joined(separator: "\n")
            )
        }
    }

    struct Revoke: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a grant: its refresh and access tokens die, at once.")

        @OptionGroup var target: TenantTarget
        @Argument(help: "The grant's id: grant_id.") var id: String
        @OptionGroup var output: OutputOptions

        func validate() throws { _ = try HoldingOptions.grant(id) }

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let id = try HoldingOptions.grant(id)
            try await administration.holdings.revokeGrant(
                id, reason: "revoked by an operator", in: tenant.id, by: .operator)
            output.print(
                json: { $0.field("revoked", id.description) }, text: "Revoked grant \(id).")
        }
    }
}

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Revoke tokens.", subcommands: [Revoke.self]
    )

    struct Revoke: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke one access token, or everything of a user, a client or the tenant, at once and everywhere.",
            discussion: "Say exactly one of --token-id, --user, --client and --everything."
        )

        @OptionGroup var target: TenantTarget
        @Option(name: .customLong("token-id"), help: "An access token's jti.") var tokenID: String?
        @Option(help: "A user's id: sessions, grants and tokens.") var user: String?
        @Option(help: "A client_id: grants and tokens.") var client: String?
        @Flag(help: "All of the tenant.") var everything = false
        @Option(help: "A few words for the log.") var reason: String = "revoked by an operator"
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard [tokenID != nil, user != nil, client != nil, everything].count(where: { $0 }) == 1 else {
                throw ValidationError("Give exactly one of --token-id, --user, --client and --everything.")
            }
            if let tokenID, !(1...255).contains(tokenID.utf8.count) { throw ValidationError("--token-id: give 1 to 255 characters.") }
            try HoldingOptions.validate(limit: 1, user: user)
            if let client, ClientID(client) == nil { throw ValidationError("--client: ‘\(client)’ is not a client_id.") }
        }

        private var revocation: Revocation {
            if let tokenID { return .token(tokenID, expiresAt: WallClock.system.now + Revocation.standingSeconds) }
            if let account = user.flatMap({ AccountID($0) }) { return .user(account) }
            if let client = client.flatMap({ ClientID($0) }) { return .client(client) }
            return .tenant
        }

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            try await administration.holdings.revoke(
                revocation, reason: reason, in: tenant.id, by: .operator)
            output.print(
                json: { json in
                    json.field("kind", revocation.kind.rawValue)
                    json.field("target", revocation.target)
                },
                text: "Revoked: \(revocation.kind.rawValue) \(revocation.target)"
            )
        }
    }
}

private enum HoldingOptions {
    static func validate(limit: Int, user: String?) throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit: give 1 to 1000.") }
        if let user, AccountID(user) == nil { throw ValidationError("--user: ‘\(user)’ is not a user's id.") }
    }

    static func grant(_ text: String) throws -> GrantID {
        guard let id = GrantID(text) else { throw ValidationError("‘\(text)’ is not a grant's id.") }
        return id
    }

    static func uuid(_ text: String) throws -> UUID {
        guard let id = UUID(uuidString: text) else { throw ValidationError("‘\(text)’ is not an id.") }
        return id
    }
}

import ArgumentParser
import JSON
import Passwords
import ServiceKit
import Tenancy

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Create, import, change and remove a tenant's users.",
        discussion: "An account belongs to a person: once it is in a second tenant, only its owner changes address, name and password.",
        subcommands: [
            Create.self, List.self, Show.self, Update.self, SetPassword.self, Import.self, Disable.self, Enable.self, Remove.self,
            ResetSecondFactor.self,
        ]
    )

    struct Create: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a user: with a new account, or with --existing the one that has the address.",
            discussion: """
                The password is asked for at the terminal, or is the first line of --password-file. Without one (--no-password) nobody can sign \
                in by password until one is set.

                An account that exists already is its owner's: invite it, and they accept. --existing makes it a member unasked, as long as no \
                other tenant manages it, whose administrators could know its password.
                """
        )

        @OptionGroup var target: TenantTarget
        @Argument(help: "The e-mail address.") var email: String
        @Option(help: "The role: owner, admin, manager, user, readonly, or one of the tenant's own.") var role: String = "user"
        @Option(help: "The name that people see.") var name: String?
        @Flag(help: "Take the address for verified.") var emailVerified = false
        @Flag(help: "Have the user choose another password at the first sign-in.") var mustChange = false
        @Flag(help: "Set no password.") var noPassword = false
        @Flag(help: "Make the account that has the address a member; its password stays its owner's.") var existing = false
        @OptionGroup var password: PasswordInput
        @OptionGroup var output: OutputOptions

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            let id = try await add(to: tenant, administration)
            let member = try await administration.members.require(id, in: tenant.id)
            output.print(
                json: { $0.members(of: member.json(in: tenant.id)) },
                text: (existing ? "Added the existing account " : "Created user ")
                    + "\(member.account.email) (\(id)) as \(member.role.name)."
            )
        }

        /// - Throws: `CommandFailure` for an address that has an account, unless that is meant, and for one that has none, if it is.
        func add(to tenant: Tenant, _ administration: Administration) async throws -> AccountID {
            guard EmailAddress.isAcceptable(email) else { throw CommandFailure("‘\(email)’ is not an e-mail address") }
            let found = try await administration.accounts.find(email: email)
            guard existing else {
                guard found == nil else {
                    throw CommandFailure("‘\(email)’ has an account already: invite it, or make it a member unasked with --existing")
                }
                let account = try await account(in: tenant, administration)
                try await administration.members.create(account, role: role, in: tenant.id, by: .operator)
                return account.id
            }
            guard let found else { throw CommandFailure("‘\(email)’ has no account") }
            guard found.managingTenant == nil || found.managingTenant == tenant.id else {
                throw CommandFailure("‘\(email)’ is managed by another tenant, whose administrators may know its password: invite it")
            }
            try await administration.members.join(found.id, role: role, in: tenant.id, by: .operator)
            return found.id
        }

        private func account(in tenant: Tenant, _ administration: Administration) async throws -> Account {
            let hash: String? = noPassword ? nil : try await administration.newHash(password.read(), email: email, in: tenant)
            return Account.new(
                email: email, isEmailVerified: emailVerified, name: name, passwordHash: hash, mustChangePassword: mustChange,
                managedBy: tenant.id, now: WallClock.system.now
            )
        }
    }

    struct List: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "List a tenant's users.")

        @OptionGroup var target: TenantTarget
        @Option(help: "Only those whose address or name contains this.") var search: String?
        @OptionGroup var output: OutputOptions

        private static let pageSize = 500

        func run(on tenant: Tenant, _ administration: Administration) async throws {
            var members: [Member] = []
            var page: [Member]
            repeat {
                page = try await administration.members.store.page(
                    in: tenant.id, after: members.last?.id, limit: Self.pageSize, search: search)
                members += page
            } while page.count == Self.pageSize
            output.print(
                json: { $0.field("users", .array(members.map { .object($0.json(in: tenant.id)) })) },
                text: members.map { member in
                    let state = member.isDisabled ? "disabled" : "active"
                    return "\(member.account.email)\t\(member.id)\t\(state)\t\(member.role.name)\t\(member.account.profile.name ?? "")"
                }.joined(separator: "\n")
            )
        }
    }

    struct Show: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Show a user.")

        @OptionGroup var target: UserTarget
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            let (tenant, member) = found
            let json = member.json(in: tenant.id)
            output.print(
                json: { $0.members(of: json) },
                text: json.members.map { name, value in
                    "\(name)\t\(value.stringValue ?? String(decoding: value.serialized(), as: UTF8.self))"
                }.joined(separator: "\n")
            )
        }
    }

    struct Update: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a user; what is not given stays as it is.",
            discussion: "With a new role the user signs in anew: sessions, grants and tokens in the tenant end."
        )

        @OptionGroup var target: UserTarget
        @Option(help: "The new e-mail address.") var email: String?
        @Option(help: "The name that people see; empty for none.") var name: String?
        @Option(help: "The role from now on.") var role: String?
        @Flag(inversion: .prefixedNo, help: "Whether the address is verified.") var emailVerified: Bool?
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if email == nil, name == nil, role == nil, emailVerified == nil { throw ValidationError("Say what to change.") }
            if let email, !EmailAddress.isAcceptable(email) { throw ValidationError("--email: this is not an e-mail address.") }
        }

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            let (tenant, member) = found
            if email != nil || name != nil || emailVerified != nil {
                try await administration.members.update(member.id, in: tenant.id, by: .operator) { _, account in
                    if let email { (account.email, account.isEmailVerified) = (email, false) }
                    if let name { account.profile.name = name.isEmpty ? nil : name }
                    if let isVerified = emailVerified { account.isEmailVerified = isVerified }
                }
            }
            if let role { try await administration.members.setRole(role, of: member.id, in: tenant.id, by: .operator) }
            let changed = try await administration.members.require(member.id, in: tenant.id)
            output.print(json: { $0.members(of: changed.json(in: tenant.id)) }, text: "Updated user \(changed.account.email).")
        }
    }

    struct SetPassword: TargetedCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-password", abstract: "Set a user's password; what the old one opened ends.",
            discussion: "The password is asked for at the terminal, or is the first line of --password-file."
        )

        @OptionGroup var target: UserTarget
        @OptionGroup var password: PasswordInput
        @Flag(help: "Have the user choose another at the next sign-in.") var mustChange = false
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            let (tenant, member) = found
            let hash = try await administration.newHash(password.read(), email: member.account.email, in: tenant)
            try await administration.members.setPassword(
                hash, mustChange: mustChange, of: member.id, in: tenant.id, by: .operator)
            output.print(
                json: { json in
                    json.field("id", member.id.description)
                    json.field("must_change_password", mustChange)
                },
                text: "Set the password of \(member.account.email)."
            )
        }
    }

    struct Disable: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a user out of the tenant from now on.")

        @OptionGroup var target: UserTarget
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            try await UserCommand.setDisabled(true, found, administration, output)
        }
    }

    struct Enable: TargetedCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")

        @OptionGroup var target: UserTarget
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            try await UserCommand.setDisabled(false, found, administration, output)
        }
    }

    struct Remove: TargetedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a user from the tenant.", discussion: "An account that the tenant manages ends with it."
        )

        @OptionGroup var target: UserTarget
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            let (tenant, member) = found
            try await administration.members.remove(member.id, from: tenant.id, by: .operator)
            output.print(
                json: { $0.field("removed", member.id.description) }, text: "Removed \(member.account.email) from \(tenant.slug)."
            )
        }
    }

    struct ResetSecondFactor: TargetedCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset-second-factor", abstract: "Take away a lost second factor; make sure first whom you are talking to."
        )

        @OptionGroup var target: UserTarget
        @OptionGroup var output: OutputOptions

        func run(on found: UserTarget.Found, _ administration: Administration) async throws {
            let (tenant, member) = found
            let event = AuditEvent(
                "user.second_factor_reset", by: .operator, on: "user", member.id.description, from: .commandLine
            )
            guard try await SecondFactorStore(database: administration.database).remove(member.id, recording: event, in: tenant.id)
            else {
                throw CommandFailure("\(member.account.email) has no second factor")
            }
            output.print(
                json: { $0.field("id", member.id.description) }, text: "\(member.account.email) has no second factor any more."
            )
        }
    }

    fileprivate static func setDisabled(
        _ isDisabled: Bool, _ found: UserTarget.Found, _ administration: Administration, _ output: OutputOptions
    ) async throws {
        let (tenant, member) = found
        try await administration.members.setDisabled(isDisabled, member.id, in: tenant.id, by: .operator)
        output.print(
            json: { json in
                json.field("id", member.id.description)
                json.field("disabled", isDisabled)
            },
            text: "\(isDisabled ? "Disabled" : "Enabled") \(member.account.email) in \(tenant.slug)."
        )
    }
}

/// Names one user of one tenant.
struct UserTarget: CommandTarget {
    typealias Found = (tenant: Tenant, member: Member)

    @OptionGroup var tenant: TenantTarget
    @Argument(help: "The e-mail address, or the id.") var user: String

    func require(_ administration: Administration) async throws -> Found {
        let tenant = try await tenant.require(administration)
        let member =
            if let id = AccountID(user) {
                try await administration.accounts.find(id, in: tenant.id)
            } else {
                try await administration.accounts.find(email: user, in: tenant.id)
            }
        guard let member else {
            throw CommandFailure("the tenant ‘\(tenant.slug)’ has no user ‘\(user)’; see: auth-server user list --tenant \(tenant.slug)")
        }
        return (tenant, member)
    }
}

extension Administration {
    var accounts: AccountStore { AccountStore(database: database) }
    var members: Members { Members(database: database, clock: .system) }

    /// The hash of a password that somebody chose, if the tenant's policy lets it pass.
    func newHash(_ password: String, email: String, in tenant: Tenant) async throws -> String {
        let configured = try PasswordSettings(settings)
        let passwords = NewPassword(accounts: accounts, hasher: configured.hasher(), breached: configured.breached, clock: .system)
        if let weakness = try await passwords.weakness(of: password, email: email, tenants: [tenant]) {
            throw CommandFailure(weakness.description)
        }
        return try await passwords.hash(password).text
    }
}

extension Members {
    func require(_ id: AccountID, in tenant: TenantID) async throws -> Member {
        guard let member = try await store.find(id, in: tenant) else { throw Problem.notFound("user", id.description) }
        return member
    }
}

extension JSONWriter {
    /// The members of an object, into the one that is open.
    mutating func members(of object: JSONObject) {
        for (name, value) in object.members { field(name, value) }
    }
}

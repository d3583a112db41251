import ArgumentParser
import Cryptography
import FoundationEssentials
import Glibc
import JSON
import Logging
import Postgres
import ServiceKit
import Tenancy

/// What the three share.
struct TenantMoveOptions: ParsableArguments {
    @Option(
        name: .customLong("schema"),
        help: "A schema whose tables count by their tenant_id, besides all that are declared; several times for several (default: api).")
    var schemas: [String] = []

    /// Connects as the database's owner, whose statements may take their time.
    func withMoves<R: Sendable>(
        _ administration: Administration, _ body: @Sendable @escaping (TenantMoves) async throws -> R
    ) async throws -> R {
        let settings = administration.settings
        var configuration = try AuthServerSettings.ownerDatabase(settings)
        configuration.statementTimeout = .seconds(24 * 3600)
        configuration.poolSize = 2
        var logger = try Logger.service("auth-server", settings: settings)
        if settings.optional("LOG_LEVEL") == nil { logger.logLevel = .error }
        let masterKey = try AuthServerSettings.masterKey(settings)
        let chosen = schemas.isEmpty ? ["api"] : schemas
        return try await Postgres.withPool(configuration, logger: logger) { owner in
            try await body(TenantMoves(owner: owner, masterKey: masterKey, schemas: chosen))
        }
    }
}

/// The key that secrets are sealed under on their way.
struct TransferKeyOption: ParsableArguments {
    private static let recipe = "(umask 077; openssl rand -hex 32 > FILE)"

    @Option(
        help:
            "A file with 32 random bytes in hexadecimal that nobody else can read, the same for export and import; make one with: \(recipe)"
    )
    var transferKeyFile: String

    func read() throws -> SealingKey {
        var status = stat()
        guard stat(transferKeyFile, &status) == 0 else { throw CommandFailure("--transfer-key-file: \(transferKeyFile) cannot be read") }
        guard status.st_mode & 0o077 == 0 else {
            throw CommandFailure(
                "--transfer-key-file: others can read \(transferKeyFile), or change it: chmod 600, or make another with: \(Self.recipe)")
        }
        guard let text = try? String(contentsOfFile: transferKeyFile, encoding: .utf8) else {
            throw CommandFailure("--transfer-key-file: \(transferKeyFile) cannot be read")
        }
        let line = String(text.prefix { !$0.isWhitespace })
        return try AuthServerSettings.sealingKey(line, variable: "--transfer-key-file", cure: "Make one with: \(Self.recipe)")
    }
}

extension TenantCommand {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write everything of a tenant into a file, for another deployment.",
            discussion: """
                People with the hashes of their passwords, clients, roles, keys, consents, the audit log, the tenant's rows in developers' tables and \
                the log of their changes, as of one moment. What expires (sessions, grants, codes, revocations) stays: people sign in again. People \
                who are in other tenants too go along with their password's hash. Secrets are opened with the master key and sealed under the transfer \
                key, so that neither deployment learns the other's master key. The file is sealed under the transfer key as a whole, and has mode 0600.
                """
        )

        @Argument(help: "The tenant's slug.") var slug: String
        @Option(help: "The file to write.") var output: String
        @Flag(
            help:
                "Leave the file readable, as lines of JSON: it holds personal data and hashes of passwords. Secrets are sealed all the same."
        )
        var readable = false
        @OptionGroup var transferKey: TransferKeyOption
        @OptionGroup var options: TenantMoveOptions
        @OptionGroup var format: OutputOptions

        func run() async throws {
            let (slug, path, isReadable, options, format, transferKey) = (slug, output, readable, options, format, transferKey)
            try await Administration.run { administration in
                let (tenant, key) = (try await administration.tenant(slug), try transferKey.read())
                let counts = try await options.withMoves(administration) {
                    try await $0.export(tenant, to: path, transferKey: key, isReadable: isReadable)
                }
                let event = Administrator.operator.event("tenant.exported", on: "tenant", slug)
                try await administration.database.withTenant(tenant.id.rawValue).execute(event.insertion(in: tenant.id))
                format.print(
                    json: { json in
                        json.field("tenant", slug)
                        json.field("tables", .object(JSONObject(counts.map { ($0.table, .integer(Int64($0.rows))) })))
                    },
                    text: counts.filter { $0.rows > 0 }.map { "\($0.rows)\t\($0.table)" }.joined(separator: "\n"))
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a tenant that was exported elsewhere into this deployment: all of it or nothing.",
            discussion: """
                The tenant keeps its ids, so neither its id nor its slug may be taken here. An account that is here already under the same id \
                joins the tenant; one that another tenant manages only with --shared; an address that belongs to another account is refused. All others are managed by this tenant from now on, \
                until they join a second one. Tables of the API must be there.
                """
        )

        @Argument(help: "The file that tenant export wrote.") var file: String
        @Flag(help: "Take a file that is not sealed. Whoever had it may have changed everything in it: people, passwords, clients, rows.")
        var readable = false
        @Flag(
            help:
                "Take in people whom another tenant here manages: they leave its hands, choose a new password and lose their second factor."
        )
        var shared = false
        @OptionGroup var transferKey: TransferKeyOption
        @OptionGroup var options: TenantMoveOptions
        @OptionGroup var format: OutputOptions

        func run() async throws {
            let (path, readable, shared, options, format, transferKey) = (file, readable, shared, options, format, transferKey)
            try await Administration.run { administration in
                let key = try transferKey.read()
                let (header, rows) = try await options.withMoves(administration) { moves in
                    let tenantImport = TenantImport(
                        owner: moves.owner, masterKey: moves.masterKey, transferKey: key, schemas: moves.schemas, allowsReadable: readable,
                        takesManaged: shared)
                    return try await tenantImport.run(path, event: Administrator.operator.event("tenant.imported", on: "tenant", ""))
                }
                format.print(
                    json: { json in
                        json.field("tenant", header.slug.rawValue)
                        json.field("rows", .integer(rows))
                    },
                    text: "Imported tenant \(header.slug): \(rows) rows.")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase a tenant, its people who are in no other, and all of their data, for good.",
            discussion: """
                The tenant must be disabled, which kills its tokens everywhere. Its revocations go with it, so wait a day, until no token of it can \
                still be valid, or say --now: then an instance that has lost its connection at this moment may take one for as long as it lives. \
                The system tenant's log says that a tenant was erased, by a digest of its id. Backups hold the tenant until they are removed. \
                With the id of a tenant that is gone already, it erases what was written behind its back.
                """
        )

        /// Who knows the id can tell that it was this tenant; nobody else can.
        private static func digest(of tenant: TenantID) -> String {
            "sha256:" + SHA256.hash(tenant.description).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }

        @Argument(help: "The tenant's slug; or its id, once it is gone.") var slug: String
        @Option(help: "The same once more.") var confirm: String
        @Flag(help: "Less than a day after it was disabled.") var now = false
        @OptionGroup var options: TenantMoveOptions
        @OptionGroup var format: OutputOptions

        func run() async throws {
            let (slug, confirm, now, options, format) = (slug, confirm, now, options, format)
            try await Administration.run { administration in
                guard slug == confirm else { throw CommandFailure("--confirm is not the tenant's slug; nothing was erased") }
                let home = try await administration.tenants.find(.slug(.system))?.id
                if let id = try await Self.gone(slug, administration) {
                    let event = Administrator.operator.event("tenant.erased", on: "tenant", Self.digest(of: id))
                    let erasure = try await options.withMoves(administration) { try await $0.sweep(id, home: home, event: event) }
                    return Self.tell(erasure, of: slug, id, format)
                }
                let tenant = try await administration.tenant(slug)
                guard tenant.slug != .system else { throw CommandFailure("the platform's own tenant cannot be erased") }
                guard tenant.isDisabled else { throw CommandFailure("disable it first: auth-server tenant disable \(slug)") }
                let isSafe = try await administration.tenants.isDisabledForLong(tenant.id)
                guard now || isSafe else {
                    throw CommandFailure("its tokens may live for a day after it was disabled: wait, or say --now")
                }
                let event = Administrator.operator.event("tenant.erased", on: "tenant", Self.digest(of: tenant.id))
                ServiceProcess.note("Erasing tenant \(slug), whose id is \(tenant.id).")
                let erasure = try await options.withMoves(administration) { try await $0.erase(tenant, home: home, event: event) }
                Self.tell(erasure, of: slug, tenant.id, format)
            }
        }

        /// - Returns: nil for what is a tenant's slug or id, or no id.
        private static func gone(_ name: String, _ administration: Administration) async throws -> TenantID? {
            guard let id = TenantID(name), try await administration.tenants.find(.id(id)) == nil else { return nil }
            guard let slug = try? TenantSlug(name) else { return id }
            return try await administration.tenants.find(.slug(slug)) == nil ? id : nil
        }

        private static func tell(_ erasure: TenantMoves.Erasure, of name: String, _ id: TenantID, _ format: OutputOptions) {
            let views = erasure.materializedViews
            format.print(
                json: { json in
                    json.field("tenant", name)
                    json.field("id", id.description)
                    json.field("rows", .integer(Int64(erasure.rows)))
                    json.field("materialized_views", .array(views.map(JSONValue.string)))
                },
                text: "Erased tenant \(name): \(erasure.rows) rows."
                    + (views.isEmpty ? "" : "\nRefresh what was made of its rows: \(views.joined(separator: ", "))"))
        }
    }
}

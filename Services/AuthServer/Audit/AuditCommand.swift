import ArgumentParser
import JSON
import Tenancy

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Read a tenant's audit log, and prove that nobody changed it.",
        subcommands: [List.self, Verify.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what was done, the newest first.")

        @Option(help: "The tenant's slug.") var tenant: String
        @Option(help: "Who did it: a user's or a client's id.") var actor: String?
        @Option(help: "user, client, operator, system or anonymous.") var actorKind: String?
        @Option(help: "To whom or what.") var target: String?
        @Option(help: "user, client, role, session, grant, token, key, tenant or invitation.") var targetKind: String?
        @Option(help: "What was done, or how that begins: user.signed_in, or user. for everything about users.") var action: String?
        @Option(help: "Not before this moment, in seconds since 1970.") var since: Int64?
        @Option(help: "Before this moment, in seconds since 1970.") var until: Int64?
        @Option(help: "Older than the row of this number.") var before: Int64?
        @Option(help: "So many rows at most, 1 to 1000.") var limit: Int = 50
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...1000).contains(limit) else { throw ValidationError("--limit: give 1 to 1000.") }
        }

        func run() async throws {
            let (slug, before, limit, output) = (tenant, before, limit, output)
            let filter = AuditStore.Filter(
                actorKind: actorKind, actorID: actor, targetKind: targetKind, targetID: target, actionPrefix: action, since: since,
                until: until)
            try await Administration.run { administration in
                let tenant = try await administration.tenant(slug)
                let entries = try await AuditStore(database: administration.database)
                    .page(filter, in: tenant.id, before: before, limit: limit)
                output.print(
                    json: { $0.field("events", .array(entries.map { .object($0.json) })) },
                    text: entries.map { entry in
                        [
                            String(entry.number), String(entry.occurredAt), entry.action, "\(entry.actorKind) \(entry.actorID)",
                            "\(entry.targetKind) \(entry.targetID)", entry.address, entry.details,
                        ].joined(separator: "\t")
                    }.joined(separator: "\n")
                )
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find rows that were changed, removed or put elsewhere.",
            discussion: """
                Exit status 1 when there are any. Each row carries the hash of the one before it, and the database keeps the last one's apart; \
                who can rewrite both can forge a chain, so keep the last hash that is printed somewhere else too, and compare it later with \
                ‘audit list’.
                """
        )

        @Option(help: "The tenant's slug.") var tenant: String?
        @Flag(help: "Every tenant.") var all = false
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (tenant == nil) == all else { throw ValidationError("Give either --tenant or --all.") }
        }

        func run() async throws {
            let (slug, output) = (tenant, output)
            try await Administration.run { administration in
                let store = AuditStore(database: administration.database)
                var reports: [Report] = []
                for tenant in try await administration.tenants(named: slug) {
                    let (number, hash) = try await store.end(in: tenant.id)
                    reports.append(
                        Report(tenant: tenant.slug, rows: number, lastHash: hash, problems: try await store.problems(in: tenant.id)))
                }
                let found = reports
                output.print(
                    json: { json in
                        json.field("intact", found.allSatisfy(\.problems.isEmpty))
                        json.field("tenants", .array(found.map { .object($0.json) }))
                    },
                    text: found.map(\.text).joined(separator: "\n")
                )
                guard found.allSatisfy(\.problems.isEmpty) else {
                    throw CommandFailure("the audit log is not as it was written; the rows are named above")
                }
            }
        }

        private struct Report: Sendable {
            let tenant: TenantSlug
            let rows: Int64
            let lastHash: String
            let problems: [AuditProblem]

            var json: JSONObject {
                [
                    "tenant": .string(tenant.rawValue), "rows": .integer(rows), "last_hash": .string(lastHash),
                    "problems": .array(problems.map { ["number": .integer($0.number), "problem": .string($0.problem)] }),
                ]
            }

            var text: String {
                let head = "\(tenant)\t\(rows) rows\t\(problems.isEmpty ? "intact" : "BROKEN")\t\(lastHash)"
                return ([head] + problems.map { "\(tenant)\trow \($0.number) \($0.problem)" }).joined(separator: "\n")
            }
        }
    }
}

import ArgumentParser
import Database
import JSON
import Logging
import Postgres
import ServiceKit

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to this version's schema.",
        discussion: """
            Connects with SALLYPORT_OWNER_DATABASE_URL. Each migration runs in a transaction of its own; any number of instances may start \
            at once. The run-time roles sallyport_auth and sallyport_api are created without a password: give them one with ALTER ROLE.
            """
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
        await ServiceProcess.reportingErrors {
            let settings = try await Settings.process()
            let logger = try Logger.service("auth-server", settings: settings)
            let migrator = try Migrator(AuthServerSettings.ownerDatabase(settings), migrations: Database.migrations(), logger: logger)
            let applied = try await migrator.migrate()
            output.print(
                json: { json in
                    json.name("applied")
                    json.beginArray()
                    for migration in applied { json.string(migration.name) }
                    json.endArray()
                },
                text: applied.isEmpty
                    ? "The database is up to date."
                    : applied.map { "Applied \($0.name)" }.joined(separator: "\n")
            )
        }
    }
}

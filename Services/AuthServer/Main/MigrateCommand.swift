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

            Only a superuser can have resource-api told at once of every change of the schema; without, it looks for one every few seconds: \
            auth-server migrate --print-superuser-sql | psql --dbname sallyport --username postgres
            """
    )

    @Flag(help: "Print, and do not run, the statements that only a superuser may run.")
    var printSuperuserSQL = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        if printSuperuserSQL { return print(Database.superuserScript()) }
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

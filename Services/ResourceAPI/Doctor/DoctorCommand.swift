import ArgumentParser
import Logging
import Postgres
import ServiceKit

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what endangers isolation or speed in the database, and say what cures it.",
        discussion: """
            Connects with SALLYPORT_API_DATABASE_URL, changes nothing, and looks at the schemas of SALLYPORT_API_SCHEMAS and at whatever \
            else the role may touch. Cures are statements for the owner of the object, unless they say otherwise.

            Exit status: 0 nothing found, 1 the database could not be examined, 2 warnings only, 3 errors.
            """
    )

    @Flag(name: .long, help: "Print one JSON object instead of text.")
    var json = false

    func run() async throws {
        await ServiceProcess.reportingErrors {
            let settings = try await Settings.process()
            let logger = try Logger.service("resource-api", settings: settings)
            var database = try ResourceAPISettings.database(settings)
            database.poolSize = 1
            let store = DoctorStore(schemas: try ResourceAPISettings.schemas(settings))
            let report = DoctorReport(hazards: try await Postgres.withPool(database, logger: logger) { try await store.examine($0) })
            report.tell(asJSON: json)
        }
    }
}

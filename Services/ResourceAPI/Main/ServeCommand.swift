import ArgumentParser
import Logging
import ServiceKit

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the tables of the exposed schemas until stopped by SIGTERM or SIGINT."
    )

    func run() async throws {
        await ServiceProcess.reportingErrors {
            let settings = try await Settings.process()
            let logger = try Logger.service("resource-api", settings: settings)
            let application = try ResourceAPIApplication(ResourceAPISettings(settings), logger: logger)
            try await ServiceProcess.run(application.services, logger: logger)
        }
    }
}

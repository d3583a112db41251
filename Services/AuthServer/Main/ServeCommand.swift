import ArgumentParser
import Logging
import ServiceKit
import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve tokens, sign-in pages and administration until stopped by SIGTERM or SIGINT."
    )

    func run() async throws {
        await ServiceProcess.reportingErrors {
            let settings = try await Settings.process()
            let logger = try Logger.service("auth-server", settings: settings)
            let application = try AuthServerApplication(AuthServerSettings(settings), logger: logger)
            try await ServiceProcess.run(application.services, logger: logger)
        }
    }
}

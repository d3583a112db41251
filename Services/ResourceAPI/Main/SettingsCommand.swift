import ArgumentParser
import JSON
import Logging
import ServiceKit

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Print every variable that the program reads, with kind, default and bounds, as JSON."
    )

    func run() async throws {
        await ServiceProcess.reportingErrors {
            let recorder = SettingsRecorder()
            let settings = try await Settings(environment: Self.environment, recorder: recorder)
            _ = try ResourceAPISettings(settings)
            _ = try Logger.service("resource-api", settings: settings)
            print(String(decoding: recorder.json.serialized(), as: UTF8.self))
        }
    }

    /// So that everything is asked for: what is required, and what other questions depend on.
    private static var environment: [String: String] {
        [
            "SALLYPORT_BASE_URL": "https://id.example.com",
            "SALLYPORT_API_DATABASE_URL": "postgresql://sallyport_api@/sallyport",
            "SALLYPORT_OTLP_ENDPOINT": "http://127.0.0.1:4318", "SALLYPORT_OTLP_AUTHORIZATION": "none",
        ]
    }
}

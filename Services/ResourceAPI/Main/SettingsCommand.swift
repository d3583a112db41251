import ArgumentParser
import ServiceKit

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Print every variable that the program reads, with kind, default and bounds, as JSON."
    )

    private static let environment = ["SALLYPORT_API_DATABASE_URL": "postgresql://sallyport_api@/sallyport"]

    func run() async throws {
        await SettingsListing.print("resource-api", environment: Self.environment) { _ = try ResourceAPISettings($0) }
    }
}

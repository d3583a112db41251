import ArgumentParser
import ServiceKit

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Print every variable that the program reads, with kind, default and bounds, as JSON."
    )

    private static let environment = [
        "SALLYPORT_AUTH_DATABASE_URL": "postgresql://sallyport_auth@/sallyport",
        "SALLYPORT_OWNER_DATABASE_URL": "postgresql://sallyport_owner@/sallyport",
        "SALLYPORT_MASTER_KEY": String(repeating: "0", count: 64), "SALLYPORT_MASTER_KEY_PREVIOUS": String(repeating: "0", count: 64),
    ]

    func run() async throws {
        await SettingsListing.print("auth-server", environment: Self.environment) { settings in
            _ = try AuthServerSettings(settings)
            _ = try AuthServerSettings.ownerDatabase(settings)
        }
    }
}

internal import JSON
internal import Logging

/// What the verb `settings` of a program prints: every variable that it reads, with kind, default and bounds, as JSON.
public enum SettingsListing {
    /// Of both programs, so that everything is asked for: what is required, and what other questions depend on.
    private static let common = [
        "SALLYPORT_BASE_URL": "https://id.example.com", "SALLYPORT_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "SALLYPORT_OTLP_AUTHORIZATION": "none",
    ]

    /// Prints them on standard output, or one line on standard error.
    ///
    /// - Parameters:
    ///   - program: its name in logs.
    ///   - environment: as ``common``, of this program alone.
    ///   - ask: reads every setting as the program does.
    public static func print(_ program: String, environment: [String: String], ask: (Settings) throws -> Void) async {
        await ServiceProcess.reportingErrors {
            let recorder = SettingsRecorder()
            let settings = try await Settings(environment: common.merging(environment) { _, own in own }, recorder: recorder)
            try ask(settings)
            _ = try Logger.service(program, settings: settings)
            Swift.print(String(decoding: recorder.json.serialized(), as: UTF8.self))
        }
    }
}

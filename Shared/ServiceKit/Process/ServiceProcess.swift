internal import Cryptography
internal import Glibc
public import Logging
internal import Postgres
public import ServiceLifecycle
internal import UnixSignals

/// How a command of either program runs and ends.
public enum ServiceProcess {
    /// Runs services until SIGTERM or SIGINT; what is in flight finishes first, for at most `patience`.
    public static func run(_ services: [any Service], logger: Logger, patience: Duration = .seconds(30)) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        )
        configuration.maximumGracefulShutdownDuration = patience
        try await ServiceGroup(configuration: configuration).run()
    }

    /// One line on standard error, for the operator of a command, while it goes on.
    public static func note(_ text: String) {
        StandardError.write(Array("\(text)\n".utf8))
    }

    /// Turns an error into one line on standard error and exit status 1: never a trap, never a stack.
    public static func reportingErrors(_ body: () async throws -> Void) async {
        do {
            // Before the first thread that may use OpenSSL on its own.
            try CryptoLibrary.prepare()
            try await body()
        } catch {
            let text = (error as? PostgresError)?.debugDescription ?? "\(error)"
            note("error: \(text)")
            fflush(nil)
            // Not exit(3): it would unload OpenSSL under threads that are still connecting.
            _exit(EXIT_FAILURE)
        }
    }
}

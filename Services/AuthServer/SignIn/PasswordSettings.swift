import FoundationEssentials
import Passwords
import ServiceKit
import ServiceLifecycle

/// What password hashes cost, how many are made at once, and what nobody may choose.
struct PasswordSettings: Sendable {
    let parameters: PasswordParameters
    let threads: Int
    let maximumQueueLength: Int
    /// Opened once.
    let breached: BreachedPasswords?

    init(_ settings: Settings) throws {
        let recommended = PasswordParameters.recommended
        do {
            parameters = try PasswordParameters(
                memoryKiB: settings.integer("PASSWORD_HASH_MEMORY_KIB", default: recommended.memoryKiB, in: 8...1_048_576),
                passes: settings.integer("PASSWORD_HASH_PASSES", default: recommended.passes, in: 1...64)
            )
        } catch let error as PasswordParameters.OutOfRange {
            throw SettingError(
                variable: Settings.variable("PASSWORD_HASH_MEMORY_KIB"), problem: error.description,
                cure: "Leave it unset for \(recommended.memoryKiB)."
            )
        }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        threads = try settings.integer("PASSWORD_HASH_THREADS", default: max(1, cores - 1), in: 1...256)
        maximumQueueLength = try settings.integer("PASSWORD_HASH_QUEUE", default: 64, in: 0...10_000)
        breached = try settings.optional("BREACHED_PASSWORDS_FILE").map { path in
            do {
                return try BreachedPasswords(file: path)
            } catch let error as BreachedPasswords.Failure {
                throw SettingError(
                    variable: Settings.variable("BREACHED_PASSWORDS_FILE"), problem: error.description,
                    cure: "Name a file with one password a line, or sorted lines of SHA-1 in hexadecimal."
                )
            }
        }
    }

    func hasher() -> PasswordHasher {
        PasswordHasher(parameters: parameters, threads: threads, maximumQueueLength: maximumQueueLength)
    }
}

/// Ends the hashing threads after the last request.
struct PasswordHashing: Service {
    let hasher: PasswordHasher

    func run() async throws {
        try? await gracefulShutdown()
        await hasher.shutdown()
    }
}

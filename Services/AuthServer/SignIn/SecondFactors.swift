import Cryptography
import FoundationEssentials
import JSON
import Postgres
import ServiceKit

/// Codes from an authenticator app (TOTP, RFC 6238), and codes on paper for the day the app is lost.
struct SecondFactors: Sendable {
    enum Verification: Sendable, Equatable {
        case right
        case wrong
        /// Too many attempts; this one was not looked at.
        case blocked(retryAfterSeconds: Int)
    }

    /// A secret as a person takes it into an app. It counts, and is stored, once a code of it was confirmed.
    struct Enrolment: Sendable {
        /// Base32, for typing.
        let secret: String
        /// `otpauth://totp/…`, for a QR code.
        let uri: String
    }

    static let recoveryCodeCount = 10

    private let store: SecondFactorStore
    private let masterKey: SealingKey
    private let throttle: SignInThrottle
    private let clock: WallClock

    init(database: Postgres, masterKey: SealingKey, throttle: SignInThrottle, clock: WallClock) {
        store = SecondFactorStore(database: database)
        self.masterKey = masterKey
        self.throttle = throttle
        self.clock = clock
    }

    func isEnrolled(_ account: AccountID) async throws -> Bool {
        try await store.find(account)?.isConfirmed ?? false
    }

    /// For one enrolment. Whoever shows it keeps it until it is confirmed.
    static func newSecret() -> [UInt8] { SecureRandom.bytes(TOTP.secretBytes) }

    /// Confirms an enrolment with a first code.
    ///
    /// - Parameter account: as it was when its password was proved: nothing is enrolled once it has another one.
    /// - Returns: recovery codes in clear, which are stored nowhere; nil for a wrong code, or an account that has a second factor already.
    func confirm(code: String, of secret: [UInt8], for account: Account) async throws -> [String]? {
        guard case .allowed(let attempt) = try await throttle.begin([.secondFactor(account.id)]),
            let step = try TOTP(secret: secret).step(of: code, now: clock.now)
        else { return nil }
        let codes = (0..<Self.recoveryCodeCount).map { _ in RecoveryCode.generate() }
        let sealed = try masterKey.seal(secret, authenticating: Self.context(account.id))
        guard try await store.insert(sealed, for: account, step: step, recoveryHashes: codes.map(\.hash), now: clock.now) else {
            return nil
        }
        try await throttle.succeed(attempt)
        return codes.map(\.text)
    }

    /// A code of the app, up to a step early or late and each step once; or a recovery code, each once.
    func verify(code: String, for account: AccountID, origin: RequestOrigin) async throws -> Verification {
        let attempt: SignInThrottle.Attempt
        switch try await throttle.begin([.secondFactor(account)]) {
        case .blocked(let seconds): return .blocked(retryAfterSeconds: seconds)
        case .allowed(let counted): attempt = counted
        }
        guard let factor = try await store.find(account), factor.isConfirmed, try await spend(code, factor, account) else { return .wrong }
        try await throttle.succeed(attempt)
        return .right
    }

    private func spend(_ code: String, _ factor: SecondFactorStore.Factor, _ account: AccountID) async throws -> Bool {
        if let recovery = RecoveryCode(parsing: code) { return try await store.spend(recovery.hash, of: account, now: clock.now) }
        guard let step = try TOTP(secret: open(factor, account)).step(of: code, now: clock.now) else { return false }
        return try await store.spend(step: step, of: account)
    }

    private func open(_ factor: SecondFactorStore.Factor, _ account: AccountID) throws -> [UInt8] {
        do {
            return try masterKey.open(factor.sealedSecret, authenticating: Self.context(account))
        } catch CryptoError.authenticationFailed {
            throw StoredDataError("auth.second_factor \(account): cannot be opened; it was sealed with another master key")
        }
    }

    /// Binds a sealed secret to its row.
    static func context(_ account: AccountID) -> [UInt8] {
        Array("second-factor \(account)".utf8)
    }
}

extension SecondFactors.Enrolment {
    /// The key URI that authenticator apps read: `otpauth://totp/{issuer}:{account}?secret=…&issuer=…`.
    init(_ secret: [UInt8], account: String, issuer: String) {
        let text = Base32.encode(secret)
        let (issuer, account) = (Self.escape(issuer), Self.escape(account))
        self.init(
            secret: text,
            uri: "otpauth://totp/\(issuer):\(account)?secret=\(text)&issuer=\(issuer)&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// Percent-encoding of all but RFC 3986's unreserved characters; the colon divides the label.
    private static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

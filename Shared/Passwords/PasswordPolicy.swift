/// What a new password must be: long enough, and none that an attacker tries first (NIST SP 800-63B-4 §3.1.1.2). No rules of composition.
public struct PasswordPolicy: Sendable {
    /// What the user and the tenant are called: words an attacker thinks of.
    public struct Context: Sendable {
        public var email: String?
        /// Slug and display name.
        public var tenantNames: [String]

        public init(email: String? = nil, tenantNames: [String] = []) {
            self.email = email
            self.tenantNames = tenantNames
        }
    }

    /// Neither bound may be less than 8 characters, and the minimum not over the maximum.
    public struct InvalidLength: Error, Hashable, CustomStringConvertible {
        public var description: String {
            "the minimum length of passwords is \(PasswordPolicy.lowestMinimum) to \(PasswordPolicy.maximumLength) characters"
        }
    }

    /// NIST's least, for passwords that are never the only factor.
    public static let lowestMinimum = 8
    /// NIST asks for 15 characters where the password is the only factor and 8 where it is not: between the two.
    public static let defaultMinimum = 12
    public static let maximumLength = 256
    public static let maximumBytes = 1024

    /// In Unicode scalars, which is what NIST counts.
    public let minimumLength: Int
    public let breached: BreachedPasswords?

    /// - Parameter breached: consulted beside the list that is built in.
    /// - Throws: `InvalidLength`.
    public init(minimumLength: Int = PasswordPolicy.defaultMinimum, breached: BreachedPasswords? = nil) throws {
        guard (Self.lowestMinimum...Self.maximumLength).contains(minimumLength) else { throw InvalidLength() }
        self.minimumLength = minimumLength
        self.breached = breached
    }

    /// What is wrong with the password, if anything.
    ///
    /// - Throws: `BreachedPasswords.Failure` when the list cannot be read, `PasswordHasher.Busy` when too many look it up at once,
    ///   `CancellationError`.
    public func weakness(of password: String, in context: Context = Context()) async throws -> PasswordWeakness? {
        if let weakness = evidentWeakness(of: password, in: context) { return weakness }
        guard let breached, try await breached.contains(password) else { return nil }
        return .breached
    }

    /// All but the list of breached passwords.
    func evidentWeakness(of password: String, in context: Context) -> PasswordWeakness? {
        let length = password.unicodeScalars.count
        if length < minimumLength { return .tooShort(minimum: minimumLength) }
        if length > Self.maximumLength || password.utf8.count > Self.maximumBytes { return .tooLong(maximum: Self.maximumLength) }
        if password.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) { return .containsControlCharacter }
        if containsEmail(password, context.email) { return .containsEmail }
        if isTenantName(password, context.tenantNames) { return .isTenantName }
        return CommonPasswords.contain(password) ? .common : nil
    }

    /// A local part of one or two characters is in many good passwords by chance.
    private func containsEmail(_ password: String, _ email: String?) -> Bool {
        guard let email, let localPart = email.split(separator: "@", omittingEmptySubsequences: false).first else { return false }
        return localPart.unicodeScalars.count > 2 && password.lowercased().contains(localPart.lowercased())
    }

    /// Letters and digits decide: “Acme Corporation!” is “acme-corporation”.
    private func isTenantName(_ password: String, _ names: [String]) -> Bool {
        let word = Self.bare(password)
        return !word.isEmpty && names.contains { Self.bare($0) == word }
    }

    private static func bare(_ text: String) -> String {
        text.lowercased().filter { $0.isLetter || $0.isNumber }
    }
}

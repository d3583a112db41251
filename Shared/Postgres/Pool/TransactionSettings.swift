public import FoundationEssentials

/// Settings made with `set_config(…, true)` before a statement: they end with its transaction.
///
/// Make one per tenant or token and keep it where requests come often; it is passed on without copying.
public struct TransactionSettings: Sendable {
    public var settings: [(name: String, value: String)] {
        didSet { fault = Self.fault(in: settings) }
    }

    /// Whether what runs may leave something behind in the session, as code that others wrote may: settings made for the session, advisory
    /// locks, cursors, temporary tables. Nobody else's request follows on the connection until all of it is taken away.
    public var resetsSession = false

    enum Fault: Sendable {
        case tooMany
        case containsNUL
    }

    /// Why no statement can be run with them: found when they are made, as that happens once and requests are many.
    private(set) var fault: Fault?

    public init(_ settings: [(name: String, value: String)] = []) {
        self.settings = settings
        fault = Self.fault(in: settings)
    }

    public static let none = TransactionSettings()

    /// The setting read by `sallyport.current_tenant()`.
    public static let tenantSettingName = "sallyport.tenant_id"

    public static func tenant(_ tenant: UUID) -> TransactionSettings {
        TransactionSettings([(tenantSettingName, tenant.uuidString.lowercased())])
    }

    public func adding(_ name: String, _ value: String) -> TransactionSettings {
        var all = self
        all.settings.append((name, value))
        return all
    }

    /// As ``resetsSession`` says.
    public func resettingSession(_ resetsSession: Bool = true) -> TransactionSettings {
        var all = self
        all.resetsSession = resetsSession || self.resetsSession
        return all
    }

    private static func fault(in settings: [(name: String, value: String)]) -> Fault? {
        if settings.count > maximumCount { return .tooMany }
        return settings.contains { $0.name.utf8.contains(0) || $0.value.utf8.contains(0) } ? .containsNUL : nil
    }

    /// The most settings one transaction can have.
    static let maximumCount = 16

    /// `SELECT set_config($1, $2, true), …` for each possible count, so that every connection finds it by identity.
    private static let statements: [SQLStatement] = (0...maximumCount).map { count in
        let calls = (0..<count).map { "set_config($\($0 * 2 + 1), $\($0 * 2 + 2), true)" }
        return SQLStatement("SELECT " + calls.joined(separator: ", "), parameterTypes: Array(repeating: .text, count: count * 2))
    }

    static func statement(count: Int) -> SQLStatement { statements[count] }
}

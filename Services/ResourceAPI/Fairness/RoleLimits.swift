import JSON
import ServiceKit

/// What one statement of a role may take. Nil: no limit beyond the service's own.
struct RoleLimits: Sendable, Hashable {
    /// The planner's estimate of a statement's total cost, in its units.
    var maximumCost: Double?
    var statementTimeout: Duration?
    /// Rows that one read returns at most.
    var maximumRows: Int?

    static let none = RoleLimits()
}

/// The limits of each role: `SALLYPORT_API_MAX_COST` for all, `SALLYPORT_API_ROLE_LIMITS` for some.
struct RoleLimitTable: Sendable {
    private static let variable = "SALLYPORT_API_ROLE_LIMITS"
    private static let cure = #"Give JSON such as {"readonly": {"max_cost": 50000, "statement_timeout_ms": 2000, "max_rows": 200}}."#

    private let others: RoleLimits
    private let roles: [String: RoleLimits]

    static let unlimited = RoleLimitTable()

    private init() {
        others = .none
        roles = [:]
    }

    init(_ settings: Settings) throws(SettingError) {
        let cost = try settings.integer("API_MAX_COST", default: 0, in: 0...1_000_000_000_000)
        let common = RoleLimits(maximumCost: cost == 0 ? nil : Double(cost))
        var roles: [String: RoleLimits] = [:]
        if let text = settings.optional("API_ROLE_LIMITS") {
            guard let object = try? JSONValue(parsing: Array(text.utf8)).objectValue else {
                throw SettingError(variable: Self.variable, problem: "is not a JSON object", cure: Self.cure)
            }
            for (role, value) in object.members { roles[role] = try Self.limits(of: role, value, beyond: common) }
        }
        others = roles["*"] ?? common
        self.roles = roles
    }

    private static func limits(of role: String, _ value: JSONValue, beyond common: RoleLimits) throws(SettingError) -> RoleLimits {
        var limits = common
        guard let members = value.objectValue else {
            throw SettingError(variable: variable, problem: "has no object for ‘\(role.prefix(40))’", cure: cure)
        }
        for (name, value) in members.members {
            guard let number = value.intValue, (1...1_000_000_000_000).contains(number) else {
                throw SettingError(
                    variable: variable, problem: "‘\(name.prefix(40))’ of ‘\(role.prefix(40))’ is not a whole number above 0", cure: cure)
            }
            switch name {
            case "max_cost": limits.maximumCost = Double(number)
            case "statement_timeout_ms": limits.statementTimeout = .milliseconds(number)
            case "max_rows": limits.maximumRows = Int(number)
            default:
                throw SettingError(variable: variable, problem: "has an unknown limit ‘\(name.prefix(40))’", cure: cure)
            }
        }
        return limits
    }

    /// - Parameter role: as `sallyport.role()` shows it.
    subscript(role: String) -> RoleLimits { roles[role] ?? others }
}

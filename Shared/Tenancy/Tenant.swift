public import FoundationEssentials
public import JOSE

/// The identity of a tenant, never reused.
public struct TenantID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UUID
    /// Lower case, as PostgreSQL writes it. Kept, since every token carries it.
    public let description: String

    public init(_ rawValue: UUID) {
        self.rawValue = rawValue
        description = rawValue.uuidString.lowercased()
    }

    public init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.init(uuid)
    }

    public static func == (left: TenantID, right: TenantID) -> Bool { left.rawValue == right.rawValue }

    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// A tenant's name in URLs: a DNS label in lower case, so that it can be a subdomain too.
public struct TenantSlug: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String

    /// - Parameter text: 1–63 of `a–z 0–9 -`, no hyphen first or last.
    /// - Throws: ``TenancyError/invalidSlug(_:)``.
    public init(_ text: String) throws(TenancyError) {
        let bytes = text.utf8
        let isValid =
            (1...63).contains(bytes.count) && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && bytes.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
        guard isValid else { throw .invalidSlug(text) }
        rawValue = text
    }

    /// The platform's own tenant; its admins manage tenants.
    public static let system = TenantSlug(unchecked: "system")

    private init(unchecked text: String) {
        rawValue = text
    }

    public var description: String { rawValue }
}

/// An isolated customer of the platform and its own issuer.
public struct Tenant: Sendable, Hashable {
    public let id: TenantID
    public let slug: TenantSlug
    public var name: String
    public let isDisabled: Bool
    /// What new signing keys of this tenant sign with.
    public var signingAlgorithm: JWSAlgorithm
    public var settings: TenantSettings

    public init(
        id: TenantID, slug: TenantSlug, name: String, isDisabled: Bool, signingAlgorithm: JWSAlgorithm,
        settings: TenantSettings = TenantSettings()
    ) {
        self.id = id
        self.slug = slug
        self.name = name
        self.isDisabled = isDisabled
        self.signingAlgorithm = signingAlgorithm
        self.settings = settings
    }
}

/// What a tenant decides about its people's sign-in, and how its pages look.
public struct TenantSettings: Sendable, Hashable {
    /// `#rrggbb`, lower case.
    public var color: String?
    /// An `https` URL.
    public var logoURI: String?
    public var requiresSecondFactor = false
    /// Signing in ends the person's other sessions in this tenant.
    public var allowsOneSessionOnly = false
    public var sessionLifetimeSeconds = 2_592_000
    public var sessionIdleSeconds = 604_800
    public var passwordMinimumLength = 12
    /// Signing keys this old are rotated; nil: only when somebody says so.
    public var keyRotationDays: Int?
    /// Access tokens name a status list, which says whether they were revoked.
    public var publishesTokenStatus = false

    public init() {}
}

public enum TenancyError: Error, Sendable, CustomStringConvertible {
    case invalidSlug(String)
    /// The places where a request names its tenant disagree.
    case conflictingTenants
    /// No such tenant, or a disabled one: outsiders cannot tell which.
    case unknownTenant

    public var description: String {
        switch self {
        case .invalidSlug(let text):
            "‘\(text.prefix(80))’ is not a tenant name: use 1 to 63 of a-z, 0-9 and hyphen, with no hyphen first or last"
        case .conflictingTenants: "the request names two different tenants"
        case .unknownTenant: "no such tenant"
        }
    }
}

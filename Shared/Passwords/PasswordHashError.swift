/// Why a text is not a password hash that can be verified here. Says nothing of the hash itself.
public enum PasswordHashError: Error, Sendable, Hashable, CustomStringConvertible {
    /// None of the formats that are known.
    case unrecognized
    /// Begins like a known format and then departs from it.
    case malformed(String)
    /// Verifying it would cost more than is ever sensible.
    case excessive(String)

    public var description: String {
        switch self {
        case .unrecognized: "the password hash is of no known format"
        case .malformed(let reason): "malformed password hash: \(reason)"
        case .excessive(let reason): "the password hash costs too much to verify: \(reason)"
        }
    }
}

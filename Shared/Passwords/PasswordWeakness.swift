/// Why a password is refused. The description is a sentence for the person who chose it.
public enum PasswordWeakness: Sendable, Hashable, CustomStringConvertible {
    /// In characters.
    case tooShort(minimum: Int)
    case tooLong(maximum: Int)
    case containsControlCharacter
    case containsEmail
    case isTenantName
    /// A well-known password, or one by a well-known pattern.
    case common
    /// On the operator's list of breached passwords.
    case breached

    public var description: String {
        switch self {
        case .tooShort(let minimum): "Use at least \(minimum) characters; a few unrelated words are easy to remember."
        case .tooLong(let maximum): "Use at most \(maximum) characters."
        case .containsControlCharacter: "Leave out characters that cannot be typed, such as tabs and line breaks."
        case .containsEmail: "Choose a password that does not contain your e-mail name."
        case .isTenantName: "Choose a password that is not the name of your organization."
        case .common: "This password is among the first that an attacker tries. Choose another."
        case .breached: "This password is known from a data breach elsewhere. Choose another."
        }
    }
}

/// `prompt`: what the person is to be asked (OpenID Connect Core §3.1.2.1).
public enum Prompt: String, Sendable, Hashable, CaseIterable {
    case none
    case login
    case consent
    case selectAccount = "select_account"

    /// - Parameter text: words separated by spaces; unknown ones are left out.
    /// - Throws: `invalid_request` for `none` beside any other.
    public static func parse(_ text: String) throws(AuthorizationError) -> Set<Prompt> {
        let words = text.utf8.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
        let prompts = Set(words.compactMap { Prompt(rawValue: $0) })
        guard !prompts.contains(.none) || Set(words).count == 1 else {
            throw AuthorizationError(.invalidRequest, "prompt=none excludes every other prompt")
        }
        return prompts
    }
}

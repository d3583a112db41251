/// The `scope` parameter and claim: scope-tokens separated by single spaces, order without meaning (RFC 6749 §3.3).
public struct ScopeSet: Sendable, Hashable, CustomStringConvertible {
    /// Sorted and without repetition, so that equal sets are written alike.
    public let scopes: [Scope]

    public init(_ scopes: some Sequence<Scope>) {
        self.scopes = Set(scopes).sorted()
    }

    /// - Parameter text: at most 100 scopes; the empty string is the empty set.
    public init(parsing text: String) throws(OAuthError) {
        var scopes: Set<Scope> = []
        guard !text.isEmpty else {
            self.scopes = []
            return
        }
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            scopes.insert(try Scope(word))
            guard scopes.count <= 100 else { throw OAuthError(.invalidScope, "too many scopes") }
        }
        self.scopes = scopes.sorted()
    }

    public static let empty = ScopeSet([])

    public var isEmpty: Bool { scopes.isEmpty }
    public var description: String { scopes.map(\.rawValue).joined(separator: " ") }

    /// What both sets allow, wildcards resolved: asked ∩ client ∩ role is two of these.
    public func intersection(_ other: ScopeSet) -> ScopeSet {
        if self == other { return self }
        return ScopeSet(scopes.flatMap { mine in other.scopes.compactMap { mine.intersection($0) } })
    }

    public func allows(_ action: String, on resource: String) -> Bool {
        scopes.contains { $0.allows(action, on: resource) }
    }
}

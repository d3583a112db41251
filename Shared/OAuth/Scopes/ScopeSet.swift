/// The `scope` parameter and claim: scope-tokens separated by single spaces, order without meaning (RFC 6749 §3.3).
public struct ScopeSet: Sendable, Hashable, CustomStringConvertible {
    /// Sorted and without repetition, so that equal sets are written alike.
    public let scopes: [Scope]
    /// The scopes separated by single spaces.
    public let description: String

    public init(_ scopes: some Sequence<Scope>) {
        self.init(sorted: Set(scopes).sorted())
    }

    private init(sorted scopes: [Scope]) {
        self.scopes = scopes
        description = scopes.map(\.rawValue).joined(separator: " ")
    }

    /// - Parameter text: at most 100 scopes; the empty string is the empty set.
    public init(parsing text: String) throws(OAuthError) {
        var scopes: Set<Scope> = []
        guard !text.isEmpty else {
            self = .empty
            return
        }
        for word in text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
            scopes.insert(try Scope(Substring(word)))
            guard scopes.count <= 100 else { throw OAuthError(.invalidScope, "too many scopes") }
        }
        self.init(sorted: scopes.sorted())
    }

    public static let empty = ScopeSet([])

    public var isEmpty: Bool { scopes.isEmpty }

    /// What both sets allow, wildcards resolved: asked ∩ client ∩ role is two of these.
    public func intersection(_ other: ScopeSet) -> ScopeSet {
        if self == other { return self }
        if scopes.allSatisfy({ !$0.isPattern && other.scopes.contains($0) }) { return self }
        return ScopeSet(scopes.flatMap { mine in other.scopes.compactMap { mine.intersection($0) } })
    }

    public func allows(_ action: String, on resource: String) -> Bool {
        scopes.contains { $0.allows(action, on: resource) }
    }
}

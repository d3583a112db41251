/// A function behind an implicit cast between a domain and what clients send and see: the domain's representation in one direction.
///
/// PostgreSQL itself ignores casts of domains, so the function is called by name.
struct DomainCast: Sendable, Hashable {
    enum Direction: Sendable, Hashable {
        /// For answers.
        case toJSON
        /// For bodies.
        case fromJSON
        /// For values of filters.
        case fromText
    }

    let direction: Direction
    let schema: String
    let name: String
    /// As `format_type` writes it; the function has one argument.
    let argumentType: String
    /// Whether its result depends on nothing but its argument.
    let isImmutable: Bool

    /// What it speaks of.
    var names: [String] { [schema, name, argumentType] }
}

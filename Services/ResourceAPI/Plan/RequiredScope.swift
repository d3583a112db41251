/// A scope that a request needs: `{resource}:{action}`.
struct RequiredScope: Sendable, Hashable {
    let action: String
    /// A table's, view's or function's bare name.
    let resource: String
}

import JSON

/// A scope that a request needs: `{resource}:{action}`. Names are compared byte for byte.
struct RequiredScope: Sendable, Hashable {
    let action: String
    /// A table's, view's or function's bare name.
    let resource: String

    static func == (left: RequiredScope, right: RequiredScope) -> Bool {
        left.action.isIdenticalBytes(right.action) && left.resource.isIdenticalBytes(right.resource)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(ExactString(action))
        hasher.combine(ExactString(resource))
    }
}

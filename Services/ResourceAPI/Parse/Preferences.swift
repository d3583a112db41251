import JSON

/// The preferences of a request that are honoured (RFC 7240). Others are passed over, unless the client insists.
struct Preferences: Sendable, Hashable {
    enum Return: String, Sendable, Hashable {
        case minimal
        case headersOnly = "headers-only"
        case representation
    }

    enum Resolution: String, Sendable, Hashable {
        case mergeDuplicates = "merge-duplicates"
        case ignoreDuplicates = "ignore-duplicates"
    }

    enum Count: String, Sendable, Hashable {
        case exact
        /// Of what is read: exact up to ``OperationMaker/countCeiling``, and beyond it a number that is too small.
        case planned
        /// The same.
        case estimated
    }

    var returning: Return?
    var resolution: Resolution?
    var count: Count?
    /// `missing=default`: columns that a row of the body leaves out get their default, not null.
    var usesDefaults = false
    /// `handling=strict`
    var isStrict = false
    /// `max-affected`, counted under `handling=strict` only.
    var maximumAffected: Int?
    /// `tx=rollback`: nothing is kept.
    var rollsBack = false
    /// `timezone`, as given; honoured if the database knows it.
    var timeZone: ExactString?
    /// The members named above that the request gave, as given, in order: for `Preference-Applied`.
    var given: [ExactString] = []

    init() {}
}

/// What is done to a table or function.
enum Verb: Sendable, Hashable {
    case read
    /// As `read`, without the rows.
    case head
    case insert
    /// `PUT`: one row, by its whole primary key, made or replaced.
    case put
    case update
    case delete
    /// A function, by POST.
    case call
    /// A function, by GET: in a read-only transaction.
    case callReading
    /// As `callReading`, without the result.
    case callHead

    /// Whether the transaction is read-only and the answer comes from reading.
    var isRead: Bool {
        switch self {
        case .read, .head, .callReading, .callHead: true
        case .insert, .put, .update, .delete, .call: false
        }
    }

    var takesBody: Bool {
        switch self {
        case .insert, .put, .update, .call: true
        case .read, .head, .delete, .callReading, .callHead: false
        }
    }

    var isCall: Bool {
        switch self {
        case .call, .callReading, .callHead: true
        case .read, .head, .insert, .put, .update, .delete: false
        }
    }

    /// Whether filters choose the rows that are written.
    var choosesRows: Bool { self == .update || self == .delete }

    /// Whether the answer has no body by definition.
    var isHead: Bool { self == .head || self == .callHead }
}

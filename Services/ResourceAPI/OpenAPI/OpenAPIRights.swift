import OAuth

/// What one token may do, by its scopes and by the privileges of the database role.
struct OpenAPIRights: Sendable {
    let scopes: ScopeSet

    func operations(on table: Table) -> [TableOperation] {
        TableOperation.allCases.filter { operation in
            operation.privileges.allSatisfy(table.privileges.contains) && scopes.allows(operation.action, on: table.name)
                && (operation != .put || !table.primaryKey.isEmpty)
        }
    }

    func reads(_ table: Table) -> Bool { operations(on: table).contains(.read) }

    func calls(_ function: Function) -> Bool { scopes.allows("execute", on: function.name) }
}

/// A method on a table.
enum TableOperation: String, Sendable, CaseIterable {
    case read = "get"
    case insert = "post"
    case put = "put"
    case update = "patch"
    case delete = "delete"

    var privileges: [Table.Privilege] {
        switch self {
        case .read: [.select]
        case .insert: [.insert]
        case .put: [.insert, .update]
        case .update: [.update]
        case .delete: [.delete]
        }
    }

    /// The action half of the scope.
    var action: String {
        switch self {
        case .read: "read"
        case .insert, .put, .update: "write"
        case .delete: "delete"
        }
    }

    func summary(_ table: String) -> String {
        switch self {
        case .read: "Read \(table)"
        case .insert: "Add rows to \(table)"
        case .put: "Make or replace one row of \(table)"
        case .update: "Change rows of \(table)"
        case .delete: "Delete rows of \(table)"
        }
    }
}

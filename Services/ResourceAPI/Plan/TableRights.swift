/// What the database role may do to a table, and so anybody.
struct TableRights: Sendable {
    let table: Table

    /// - Throws: 403 `42501`.
    func require(_ shape: RequestShape) throws(APIError) {
        let needed: [Table.Privilege] =
            switch shape.verb {
            case .read, .head: [.select]
            case .insert: shape.preferences.resolution == .mergeDuplicates ? [.insert, .update] : [.insert]
            case .put: [.insert, .update]
            case .update: [.update]
            case .delete: [.delete]
            case .call, .callReading, .callHead: []
            }
        guard needed.allSatisfy(table.privileges.contains) else {
            throw APIError(
                403, "42501", "permission denied for table \(table.name)",
                details: table.isShared ? "\(table.name) is reference data, shared by all tenants and read-only" : nil)
        }
    }

    /// The value of `Allow`.
    ///
    /// - Parameter allows: which of the actions read, write and delete are open to who asks.
    func allow(where allows: (String) -> Bool) -> String {
        var methods = ["OPTIONS"]
        func has(_ privileges: Table.Privilege..., for action: String) -> Bool {
            privileges.allSatisfy(table.privileges.contains) && allows(action)
        }
        if has(.select, for: "read") { methods += ["GET", "HEAD"] }
        if has(.insert, for: "write") { methods.append("POST") }
        if has(.insert, .update, for: "write"), !table.primaryKey.isEmpty { methods.append("PUT") }
        if has(.update, for: "write") { methods.append("PATCH") }
        if has(.delete, for: "delete") { methods.append("DELETE") }
        return methods.joined(separator: ",")
    }

    var allow: String { allow { _ in true } }
}

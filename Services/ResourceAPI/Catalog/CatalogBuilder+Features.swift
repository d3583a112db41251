import JSON

extension CatalogBuilder {
    /// What triggers of fixed names declare of a table. A view has none of it: what holds on the table, its triggers hold to.
    ///
    /// - Parameter columns: the visible ones; a declaration whose column is not there is not believed.
    func features(of relation: Int64, columns: Set<String>) -> Table.Features {
        var features = Table.Features()
        let triggers = triggers[relation] ?? [:]
        guard !triggers.isEmpty else { return features }
        if triggers["sallyport_soft_delete"] != nil, columns.contains("deleted_at") { features.softDeleteColumn = "deleted_at" }
        features.isAudited = ["insert", "update", "delete"].allSatisfy { triggers["sallyport_audit_" + $0] != nil }
        if let arguments = triggers["sallyport_workflow"], arguments.count == 2, columns.contains(arguments[0]) {
            features.workflow = Self.transitions(arguments[1]).map { Table.Workflow(column: arguments[0], transitions: $0) }
        }
        if let arguments = triggers["sallyport_maintain"] {
            features.maintainedColumns = arguments.dropFirst().filter(columns.contains)
        }
        return features
    }

    /// `{"draft": ["sent", {"to": "void", "role": ["admin"]}], …}`, conditions left out; nil if it is anything else.
    private static func transitions(_ text: String) -> [String: [String]]? {
        guard case .object(let object)? = try? JSONValue(parsing: text) else { return nil }
        var transitions: [String: [String]] = [:]
        for (state, next) in object.members {
            guard case .array(let states) = next else { return nil }
            transitions[state] = states.compactMap { $0.stringValue ?? $0.objectValue?["to"]?.stringValue }
        }
        return transitions
    }
}

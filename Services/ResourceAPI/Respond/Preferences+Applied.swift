import JSON

extension Preferences {
    /// The value of `Preference-Applied` (RFC 7240 §3): of what was given, all that has a meaning for the request, in PostgREST's
    /// order; nil for nothing.
    func applied(to operation: Operation, _ shape: QueryShape) -> String? {
        let verb = operation.verb
        let writes = verb == .insert || verb == .update || verb == .put || verb == .delete
        var applied: [String] = []
        if let resolution, verb == .insert, operation.table?.primaryKey.isEmpty == false || shape.onConflict != nil {
            applied.append("resolution=\(resolution.rawValue)")
        }
        if verb == .insert || verb == .update {
            if usesDefaults { applied.append("missing=default") } else { append("missing=null", to: &applied) }
        }
        if let returning, writes { applied.append("return=\(returning.rawValue)") }
        if let count { applied.append("count=\(count.rawValue)") }
        if rollsBack { applied.append("tx=rollback") } else { append("tx=commit", to: &applied) }
        if isStrict { applied.append("handling=strict") } else { append("handling=lenient", to: &applied) }
        if let timeZone { applied.append("timezone=\(timeZone.string)") }
        if let maximumAffected, isStrict, verb == .update || verb == .delete || verb.isCall {
            applied.append("max-affected=\(maximumAffected)")
        }
        return applied.isEmpty ? nil : applied.joined(separator: ", ")
    }

    /// What is the rule anyway, and worth a word only where it was asked for.
    private func append(_ preference: String, to applied: inout [String]) {
        if given.contains(where: { $0.string == preference }) { applied.append(preference) }
    }
}

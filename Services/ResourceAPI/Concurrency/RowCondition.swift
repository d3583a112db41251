import JSON

/// What must hold of the one row that a write addresses, in the very statement that writes it (RFC 9110 §13.1).
enum RowCondition: Sendable, Hashable {
    case none
    /// `If-Match: *`
    case exists
    /// `If-Match: "…", …`: its state is one of these. The value is an array literal of digests.
    case matches(ValueIndex)
    /// `If-None-Match: *` on PUT: there is none yet.
    case absent
}

extension RowCondition {
    /// - Parameter values: gets the digests.
    /// - Throws: 400 `PGRST100`.
    init(_ request: ResourceRequest, timeZone: Bool, values: inout [String]) throws(APIError) {
        self = .none
        switch request.verb {
        case .put, .update, .delete: break
        case .read, .head, .insert, .call, .callReading, .callHead: return
        }
        let matching = try EntityTag.list(request.ifMatch, of: "If-Match")
        let absent = request.verb == .put ? try EntityTag.list(request.ifNoneMatch, of: "If-None-Match") : []
        if !absent.isEmpty {
            guard absent == ["*"], matching.isEmpty else {
                throw APIError(400, "PGRST100", "If-None-Match of a PUT can only be *, and stands alone")
            }
            self = .absent
        } else if matching.contains("*") {
            self = .exists
        } else if !matching.isEmpty {
            // A row's state is told by its text, which depends on the zone.
            guard !timeZone else { throw APIError(400, "PGRST100", "If-Match and Prefer: timezone exclude each other") }
            self = .matches(values.count)
            values.append(ArrayLiteral.text(matching.compactMap(EntityTag.digest)))
        }
    }

    static let failed = APIError(412, "PGRST412", "The row is not, or no longer, in the state that the request demands")

    static let needsKey = APIError(
        400, "PGRST100", "If-Match needs a URL that addresses one row", hint: "Filter by each column of the primary key with eq")
}

extension ReadPlan {
    /// Whether the conditions name the whole primary key.
    var addressesOneRow: Bool {
        guard let relation, !relation.primaryKey.isEmpty else { return false }
        return relation.primaryKey.allSatisfy { name in
            conditions.contains { condition in
                guard case .filter(let value, isNegated: false, .compare(.equal, _)) = condition, value.path.isEmpty,
                    case .column(let column) = value.base
                else { return false }
                return column.name.isIdenticalBytes(name)
            }
        }
    }

    /// Whether what is read of a row depends on nothing but the row: no relations, aggregates, computed columns,
    /// representations that may change by themselves.
    var showsRowAlone: Bool {
        guard relation?.kind == .table, embeds.isEmpty, cursor == nil else { return false }
        return output.allSatisfy { output in
            guard output.aggregate == nil, case .value(let value, _) = output.expression else { return false }
            return !value.isComputed && outputCast(output)?.isImmutable != false
        }
    }

    /// The plan with each row's tag, if it can have one.
    func tagged() -> ReadPlan {
        guard showsRowAlone, let relation else { return self }
        var plan = self
        plan.taggedColumns = relation.columns
        return plan
    }
}

extension StatementBuilder {
    /// The digest of a table's row.
    func rowTag(_ columns: [Column], of name: String) -> String {
        let values = columns.map { "\(name).\(quoted($0.name))" }.joined(separator: ", ")
        return "sallyport.row_tag(ROW(\(values))::pg_catalog.text)"
    }
}

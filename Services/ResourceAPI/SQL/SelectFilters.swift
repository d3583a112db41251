import JSON
import Postgres

extension StatementBuilder {
    /// WHERE conditions of the root on the alias given, for UPDATE and DELETE: "" or " WHERE …". Embedded relations count only where
    /// a condition asks whether they have a row.
    mutating func filter(_ plan: ReadPlan, alias: String) -> String {
        clause("WHERE", restrictions(of: plan, on: RowName(name: alias)), " AND ")
    }

    func clause(_ keyword: String, _ items: [String], _ separator: String) -> String {
        items.isEmpty ? "" : " \(keyword) \(items.joined(separator: separator))"
    }

    /// What the request and the table demand of a row, but for its relations.
    mutating func restrictions(of plan: ReadPlan, on row: RowName) -> [String] {
        var texts: [String] = []
        for condition in plan.conditions { texts.append(text(condition, of: plan, on: row)) }
        if case .hidden(let column) = plan.deletion { texts.append("\(row.name).\(quoted(column)) IS NULL") }
        return texts
    }

    private mutating func text(_ condition: ReadPlan.Condition, of plan: ReadPlan, on row: RowName) -> String {
        switch condition {
        case .filter(let value, let isNegated, let operation):
            let operand = self.value(value, of: row, isCompared: true)
            return text(operand, kind: value.kind, isNegated: isNegated, operation, value.inputCast(for: operation))
        case .deleted(let column, let isNegated, let operation):
            let name = "\(row.name).\(quoted(column))"
            switch operation {
            case .isKeyword(.isTrue): return "\(name) IS \(isNegated ? "" : "NOT ")NULL"
            case .isKeyword(.isFalse): return "\(name) IS \(isNegated ? "NOT " : "")NULL"
            default: return text("(\(name) IS NOT NULL)", kind: .other, isNegated: isNegated, operation)
            }
        case .exists(let index, let isNegated):
            return "\(isNegated ? "NOT " : "")\(existence(plan.embeds[index], of: row))"
        case .all(let conditions, let isNegated):
            return join(conditions, " AND ", isNegated: isNegated, of: plan, on: row)
        case .any(let conditions, let isNegated):
            return join(conditions, " OR ", isNegated: isNegated, of: plan, on: row)
        }
    }

    private mutating func join(
        _ conditions: [ReadPlan.Condition], _ separator: String, isNegated: Bool, of plan: ReadPlan, on row: RowName
    ) -> String {
        var texts: [String] = []
        for condition in conditions { texts.append(text(condition, of: plan, on: row)) }
        return "\(isNegated ? "NOT " : "")(\(texts.joined(separator: separator)))"
    }

    /// - Parameter cast: what the given values go through.
    private mutating func text(
        _ operand: String, kind: Column.Kind, isNegated: Bool, _ operation: Filter.Operation, _ cast: DomainCast? = nil
    ) -> String {
        let text: String
        switch operation {
        case .compare(let comparison, let value):
            text = "\(operand) \(comparison.sql) \(self.operand(value, cast))"
        case .quantified(let comparison, let quantifier, let value):
            text = "\(operand) \(comparison.sql) \(quantifier.sql) (\(operands(value, cast)))"
        case .isIn(let value):
            text = "\(operand) = ANY (\(operands(value, cast)))"
        case .isKeyword(let keyword):
            return "\(operand) IS \(isNegated != (keyword == .notNull) ? "NOT " : "")\(keyword.sql)"
        case .matches(let search, let language, let value):
            let language = language.map { "\(literal($0.string)), " } ?? ""
            let document =
                switch kind {
                case .text, .json, .jsonb: "to_tsvector(\(language)\(operand))"
                default: operand
                }
            text = "\(document) @@ \(search.sql)(\(language)\(parameter(.value(value), .unknown)))"
        }
        return isNegated ? "NOT (\(text))" : text
    }
}

extension Filter.Comparison {
    fileprivate var sql: String {
        switch self {
        case .equal: "="
        case .notEqual: "<>"
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .less: "<"
        case .lessOrEqual: "<="
        case .like: "LIKE"
        case .caseInsensitiveLike: "ILIKE"
        case .match: "~"
        case .caseInsensitiveMatch: "~*"
        case .isDistinct: "IS DISTINCT FROM"
        case .contains: "@>"
        case .isContained: "<@"
        case .overlaps: "&&"
        case .isStrictlyLeft: "<<"
        case .isStrictlyRight: ">>"
        case .extendsNotRight: "&<"
        case .extendsNotLeft: "&>"
        case .isAdjacent: "-|-"
        }
    }
}

extension Filter.Quantifier {
    fileprivate var sql: String {
        switch self {
        case .any: "ANY"
        case .all: "ALL"
        }
    }
}

extension Filter.TextSearch {
    fileprivate var sql: String {
        switch self {
        case .query: "to_tsquery"
        case .plain: "plainto_tsquery"
        case .phrase: "phraseto_tsquery"
        case .webSearch: "websearch_to_tsquery"
        }
    }
}

extension Filter.Keyword {
    fileprivate var sql: String {
        switch self {
        case .null, .notNull: "NULL"
        case .isTrue: "TRUE"
        case .isFalse: "FALSE"
        case .unknown: "UNKNOWN"
        }
    }
}

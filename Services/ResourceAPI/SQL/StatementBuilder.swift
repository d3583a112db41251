import JSON
import Postgres

/// Collects parameters while a statement's text is written.
///
/// Identifiers come from the catalog and are quoted; what a client chose stands in the text only as a quoted alias or as a quoted
/// literal. Operators and functions are not qualified: the role's search path holds `pg_catalog`, which comes first, and schemas in
/// which only their owner can make things; so operators of extension types are found, and nothing a client does can shadow another.
struct StatementBuilder {
    private(set) var sources: [ResourceStatement.Source] = []
    private(set) var types: [SQLType] = []

    /// The parameter's place in the text: `$1`. A source that comes again under the same type keeps its place.
    mutating func parameter(_ source: ResourceStatement.Source, _ type: SQLType) -> String {
        for position in sources.indices where sources[position] == source && types[position] == type { return "$\(position + 1)" }
        sources.append(source)
        types.append(type)
        return "$\(sources.count)"
    }

    /// An identifier of the catalog, or an alias that a client chose.
    func quoted(_ name: String) -> String { SQL("\(identifier: name)").text }

    func quoted(_ relation: RelationID) -> String { "\(quoted(relation.schema.string)).\(quoted(relation.name.string))" }

    /// A string constant, whatever `standard_conforming_strings` says.
    func literal(_ text: String) -> String {
        var literal = text.utf8.contains(UInt8(ascii: "\\")) ? "E'" : "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { literal.unicodeScalars.append(scalar) }
            literal.unicodeScalars.append(scalar)
        }
        return literal + "'"
    }
}

import JSON
import Postgres

/// Collects parameters while a statement's text is written.
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
}

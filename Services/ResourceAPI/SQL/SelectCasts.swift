import Postgres

/// Calls of the functions behind domains' casts.
extension StatementBuilder {
    /// The declared type stands with the argument, and the function must be there, which is looked up while the statement is parsed: left to
    /// itself PostgreSQL might find another of the name.
    func call(_ cast: DomainCast, _ argument: String) -> String {
        let function = "\(quoted(cast.schema)).\(quoted(cast.name))"
        let signature = literal("\(function)(\(cast.argumentType))")
        return "CASE WHEN \(signature)::pg_catalog.regprocedure IS NOT NULL THEN \(function)(\(argument)::\(cast.argumentType)) END"
    }

    /// A value as text: of a JSON string what is in it.
    func text(json: String) -> String { "(\(json) #>> '{}')" }

    /// The value of a filter, as the domain it is compared with.
    mutating func operand(_ value: ValueIndex, _ cast: DomainCast?) -> String {
        guard let cast else { return parameter(.value(value), .unknown) }
        return call(cast, parameter(.value(value), .text))
    }

    /// An array of such values.
    mutating func operands(_ value: ValueIndex, _ cast: DomainCast?) -> String {
        guard let cast else { return parameter(.value(value), .unknown) }
        let given = "unnest(\(parameter(.value(value), .unknown))::pg_catalog.text[]) AS sallyport_given (value)"
        return "ARRAY(SELECT \(call(cast, "sallyport_given.value")) FROM \(given))"
    }

    /// What a member that a cast renders is made of, to group and order by; nil for every other member, and for what cannot be compared.
    func stored(_ position: Int, of plan: ReadPlan, on row: RowName) -> String? {
        let output = plan.output[position]
        guard plan.hasStoredKey(output) else { return nil }
        switch output.expression {
        case .value(let value, _):
            return self.value(value, of: row)
        case .member(let index, let name):
            let embed = plan.embeds[index]
            return embed.position(ofMember: name).map { "\(embed.alias).\(Self.storedName($0))" }
        case .rows, .embedded:
            return nil
        }
    }

    /// Columns behind the members of a relation that is spread as one row: what those are made of that a cast renders.
    func storedColumns(_ plan: ReadPlan, on row: RowName) -> [String] {
        guard plan.hoistsAggregates else { return [] }
        return plan.output.indices.compactMap { position in
            stored(position, of: plan, on: row).map { "\($0) AS \(Self.storedName(position))" }
        }
    }

    private static func storedName(_ position: Int) -> String { "sallyport_stored\(position)" }
}

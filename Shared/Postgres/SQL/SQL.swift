/// A statement with its bound values.
///
/// Interpolated values become parameters, never text:
///
///     let sql: SQL = "SELECT name FROM api.customers WHERE id = \(id)"      // text: … WHERE id = $1
///
/// `\(identifier: name)` quotes an identifier, `\(sql)` splices another statement with its parameters, `\(unescaped: text)`
/// inserts text as it is and must never see outside data.
public struct SQL: Sendable, ExpressibleByStringInterpolation {
    enum Part: Sendable {
        case text(String)
        case parameter(SQLParameter)
    }

    private enum Storage: Sendable {
        case parts([Part])
        case bound(SQLStatement, [SQLParameter])
    }

    private let storage: Storage

    public init(stringLiteral value: String) {
        storage = .bound(SQLStatement(value), [])
    }

    public init(stringInterpolation: StringInterpolation) {
        storage = .parts(stringInterpolation.parts)
    }

    /// Binds values to a statement kept by the caller: the form for hot paths.
    public init(_ statement: SQLStatement, _ parameters: [SQLParameter] = []) {
        storage = .bound(statement, parameters)
    }

    /// The text sent to the server, with `$1`, `$2`, … for parameters.
    public var text: String { resolved().statement.text }

    public var parameters: [SQLParameter] { resolved().parameters }

    /// The statement without its values; for one made by `SQL(_:_:)`, that very one.
    public var statement: SQLStatement { resolved().statement }

    /// `EXPLAIN` of the statement with these values: one row of text for each line of the plan, and nothing is run.
    public var explained: SQL {
        let (statement, parameters) = resolved()
        return SQL(SQLStatement("EXPLAIN " + statement.text, parameterTypes: statement.parameterTypes), parameters)
    }

    func resolved() -> (statement: SQLStatement, parameters: [SQLParameter]) {
        switch storage {
        case .bound(let statement, let parameters):
            return (statement, parameters)
        case .parts(let parts):
            var text = ""
            var parameters: [SQLParameter] = []
            for part in parts {
                switch part {
                case .text(let fragment):
                    text += fragment
                case .parameter(let parameter):
                    parameters.append(parameter)
                    text += "$\(parameters.count)"
                }
            }
            return (SQLStatement(text, parameterTypes: parameters.map(\.type)), parameters)
        }
    }

    /// The pieces, for splicing into another statement.
    fileprivate var parts: [Part] {
        switch storage {
        case .parts(let parts):
            return parts
        case .bound(let statement, let parameters):
            precondition(parameters.isEmpty, "an SQLStatement with bound parameters cannot be spliced into another statement")
            return [.text(statement.text)]
        }
    }

    /// `parts` joined by `separator`, for lists made in a loop.
    public static func joined(_ statements: [SQL], separator: String) -> SQL {
        var interpolation = StringInterpolation(literalCapacity: 0, interpolationCount: statements.count)
        for (index, statement) in statements.enumerated() {
            if index > 0 { interpolation.appendLiteral(separator) }
            interpolation.appendInterpolation(statement)
        }
        return SQL(stringInterpolation: interpolation)
    }

    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var parts: [Part] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            parts.reserveCapacity(interpolationCount * 2 + 1)
        }

        public mutating func appendLiteral(_ literal: String) {
            if !literal.isEmpty { parts.append(.text(literal)) }
        }

        public mutating func appendInterpolation(_ value: some SQLValue) {
            parts.append(.parameter(value.sqlParameter))
        }

        public mutating func appendInterpolation(_ value: (some SQLValue)?) {
            parts.append(.parameter(SQLParameter(value)))
        }

        public mutating func appendInterpolation(_ parameter: SQLParameter) {
            parts.append(.parameter(parameter))
        }

        public mutating func appendInterpolation(_ sql: SQL) {
            parts.append(contentsOf: sql.parts)
        }

        public mutating func appendInterpolation(identifier: String) {
            parts.append(.text(PostgresIdentifier.quoted(identifier)))
        }

        public mutating func appendInterpolation(unescaped text: String) {
            parts.append(.text(text))
        }
    }
}

extension SQL: CustomStringConvertible {
    /// The text without the values: they may be personal data or secrets.
    public var description: String { text }
}

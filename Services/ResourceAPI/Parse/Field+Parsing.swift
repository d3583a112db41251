import JSON

extension Scanner {
    /// Steps in one JSON path.
    static let maximumSteps = 64

    /// `column`, `column->member->0->>text`
    mutating func field() throws(APIError) -> Field {
        Field(column: try identifier(), path: try jsonPath())
    }

    mutating func jsonPath() throws(APIError) -> [JSONStep] {
        var path: [JSONStep] = []
        while skip("->") {
            guard path.count < Self.maximumSteps else { throw excess("\(Self.maximumSteps) steps in a JSON path") }
            let isText = skip(">")
            path.append(JSONStep(key: try jsonKey(), isText: isText))
        }
        return path
    }

    /// Digits that end the step are an index, anything else the name of a member.
    private mutating func jsonKey() throws(APIError) -> JSONStep.Key {
        let start = position
        guard let digits = index() else { return .member(try identifier(allowsEmpty: true)) }
        guard let index = Int32(digits) else {
            goBack(to: start)
            throw unexpected("an index of 32 bits")
        }
        return .index(Int(index))
    }
}

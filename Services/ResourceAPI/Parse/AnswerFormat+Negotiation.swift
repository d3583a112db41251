extension AnswerFormat {
    private static let maximumRanges = 64

    /// The best of what the client accepts: the highest weight first, then the most specific, then the first. `*/*`, and no `Accept` at all,
    /// mean JSON.
    ///
    /// - Parameter headers: the values of every `Accept` field.
    /// - Throws: 406 `PGRST107`.
    static func negotiated(_ headers: [String], for verb: Verb) throws(APIError) -> AnswerFormat {
        if headers.isEmpty || headers == ["application/json"] || headers == ["*/*"] { return .json(stripsNulls: false) }
        let types = headers.flatMap { $0.utf8.split(separator: UInt8(ascii: ",")) }.prefix(maximumRanges).map { MediaType(Substring($0)) }
        let ranges = types.filter { !$0.name.isEmpty }
        guard !ranges.isEmpty else { return .json(stripsNulls: false) }
        let refused = Set(ranges.filter { $0.weight == 0 }.flatMap { named($0, for: verb) })
        let ranked = ranges.enumerated().filter { ($0.element.weight ?? 0) > 0 }.sorted { left, right in
            (left.element.weight ?? 0, specificity(left.element), right.offset) > (
                right.element.weight ?? 0, specificity(right.element), left.offset
            )
        }
        for (_, range) in ranked {
            if let format = named(range, for: verb).first ?? covered(by: range).first(where: { !refused.contains($0) }) { return format }
        }
        throw notAcceptable(ranges)
    }

    /// The formats that a media type without `*` names: one, or none.
    private static func named(_ type: MediaType, for verb: Verb) -> [AnswerFormat] {
        let stripsNulls = type.parameter("nulls") == "stripped"
        switch type.name {
        case "application/json": return [.json(stripsNulls: false)]
        case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array": return [.json(stripsNulls: stripsNulls)]
        case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object": return [.object(stripsNulls: stripsNulls)]
        case "text/csv": return [.csv]
        case "text/plain" where verb.isCall: return [.text]
        case "application/octet-stream" where verb.isCall: return [.binary]
        default: return []
        }
    }

    private static func covered(by range: MediaType) -> [AnswerFormat] {
        switch range.name {
        case "*/*": [.json(stripsNulls: false), .csv]
        case "application/*": [.json(stripsNulls: false)]
        case "text/*": [.csv]
        default: []
        }
    }

    private static func specificity(_ range: MediaType) -> Int {
        if range.name == "*/*" { return 0 }
        return range.name.utf8.last == UInt8(ascii: "*") ? 1 : 2
    }

    private static func notAcceptable(_ ranges: [MediaType]) -> APIError {
        let names = ranges.map(\.name)
        var hint: String?
        if names.contains("application/geo+json") {
            hint = "GeoJSON is not made here: ask for application/json, and for a geometry with a function or view that gives it as JSON."
        } else if names.contains(where: { $0.hasPrefix("application/vnd.pgrst.plan") }) {
            hint = "Execution plans are shown to operators only."
        }
        return APIError(
            406, "PGRST107", "None of these media types are available: \(APIError.excerpt(names.joined(separator: ", ")))", hint: hint)
    }
}

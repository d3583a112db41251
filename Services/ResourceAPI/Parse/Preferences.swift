/// The preferences of a request that are honoured (RFC 7240). Others are passed over, unless the client insists.
struct Preferences: Sendable, Hashable {
    enum Return: String, Sendable, Hashable {
        case minimal
        case headersOnly = "headers-only"
        case representation
    }

    var returning: Return?
    var countsExactly = false
    var isStrict = false

    init() {}

    /// - Parameter headers: the values of every `Prefer` field. Of a preference given twice the first counts.
    /// - Throws: 400 `PGRST122` for one that is not honoured, under `handling=strict`.
    init(_ headers: [String]) throws(APIError) {
        var seen: Set<String> = []
        var unknown: [String] = []
        for preference in headers.flatMap({ $0.split(separator: ",") }).prefix(Query.maximumItems) {
            let text = Self.trimmed(preference.prefix { $0 != ";" })
            let name = String(text.prefix { $0 != "=" }).lowercased()
            guard seen.insert(name).inserted else { continue }
            switch text {
            case "return=minimal": returning = .minimal
            case "return=headers-only": returning = .headersOnly
            case "return=representation": returning = .representation
            case "count=exact": countsExactly = true
            case "handling=strict": isStrict = true
            case "handling=lenient", "": break
            default: unknown.append(APIError.excerpt(text))
            }
        }
        guard !isStrict || unknown.isEmpty else {
            throw APIError(
                400, "PGRST122", "Invalid preferences given with handling=strict",
                details: "Invalid preferences: \(unknown.joined(separator: ", "))")
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}

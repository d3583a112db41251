import HTTPTypes
import Hummingbird

extension TableEndpoint {
    /// The answer, or 304 without the row where the client has it already: `If-None-Match` of GET and HEAD (RFC 9110 §13.1.2).
    ///
    /// - Throws: 400 `PGRST100` for a malformed list.
    func unlessKnown(_ answer: ResourceResponse, _ request: Request) throws(APIError) -> ResourceResponse {
        guard let tag = answer.headers.first(where: { $0.name == "ETag" }) else { return answer }
        let known = request.headers[values: .ifNoneMatch]
        guard !known.isEmpty else { return answer }
        let isKnown = try EntityTag.list(known, of: "If-None-Match").contains { candidate in
            candidate == "*" || candidate == tag.value || candidate.utf8.elementsEqual("W/\(tag.value)".utf8)
        }
        return isKnown ? ResourceResponse(status: 304, headers: [tag], body: .none) : answer
    }
}

import HTTPTypes
import JSON
import OAuth

/// Several requests to tables and functions in one body:
/// `{"operations": [{"method": "POST", "path": "/orders?select=id", "headers": {"Prefer": "return=representation"}, "body": {…}}, …]}`
///
/// Methods, paths below the API, headers and bodies are those of single requests; a body that is not JSON is a string.
struct BatchRequest: Sendable {
    static let maximumOperations = 100
    private static let maximumDepth = 68

    let operations: [ResourceRequest]

    /// - Throws: 400 `PGRST102` for a body that is no batch; what ``Refused`` says of one operation.
    init(_ body: [UInt8]) throws {
        let tree: JSONValue
        do {
            tree = try JSONValue(parsing: body, maximumDepth: Self.maximumDepth)
        } catch {
            throw APIError.invalidBody("Empty or invalid json", details: error.description)
        }
        guard case .object(let root) = tree, let place = root.members.firstIndex(where: { $0.name == "operations" }),
            let elements = root.members[place].value.arrayValue, root.members.count == 1
        else { throw APIError.invalidBody("A batch is an object with one member, operations: a list") }
        guard (1...Self.maximumOperations).contains(elements.count) else {
            throw APIError.invalidBody("A batch has 1 to \(Self.maximumOperations) operations, not \(elements.count)")
        }
        let slices = JSONSlices(bytes: body)
        let list = slices.value(of: slices.parts(of: 0..<body.count)[place])
        var operations: [ResourceRequest] = []
        for (index, (element, range)) in zip(elements, slices.parts(of: list)).enumerated() {
            do throws(APIError) {
                guard let object = element.objectValue else { throw .invalidBody("An operation is an object") }
                operations.append(try Self.operation(object, slices, range))
            } catch {
                throw BatchRefusal(error: error, index: index)
            }
        }
        self.operations = operations
    }

    private static func operation(_ object: JSONObject, _ slices: JSONSlices, _ range: Range<Int>) throws(APIError) -> ResourceRequest {
        var method: String?
        var path: String?
        var fields = HTTPFields()
        var body: (value: JSONValue, text: [UInt8])?
        for (member, place) in zip(object.members, slices.parts(of: range)) {
            switch (member.name, member.value) {
            case ("method", .string(let text)): method = text
            case ("path", .string(let text)): path = text
            case ("headers", .object(let headers)): fields = try self.fields(headers)
            case ("body", let value): body = (value, Array(slices.bytes[slices.value(of: place)]))
            default: throw .invalidBody("An operation has method, path, headers (an object) and body, not \(APIError.excerpt(member.name))")
            }
        }
        guard let method, let path else { throw .invalidBody("An operation needs method and path") }
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var request = try target(method, parts[0])
        if parts.count > 1 { request.rawQuery = parts[1] }
        request.take(fields)
        if request.verb.takesBody { request.body = try text(of: body, contentType: request.contentType) }
        return request
    }

    /// `table`, `table/restore` or `rpc/function`, with or without a slash before it.
    private static func target(_ method: String, _ path: Substring) throws(APIError) -> ResourceRequest {
        var names: [String] = []
        for part in path.utf8.drop(while: { $0 == UInt8(ascii: "/") }).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            guard let name = PercentCoding.decode(part, plusIsSpace: false), !name.isEmpty else {
                throw APIError(404, "PGRST125", "Invalid path specified in request URL")
            }
            names.append(name)
        }
        switch (names.count, names.first, method) {
        case (2, "rpc", "POST"): return ResourceRequest(verb: .call, name: names[1])
        case (2, "rpc", _): throw APIError(405, "PGRST117", "Functions are called with POST in a batch")
        case (2, _, "POST") where names[1] == "restore":
            var request = ResourceRequest(verb: .delete, name: names[0])
            request.isRestoration = true
            return request
        case (1, _, "GET"): return ResourceRequest(verb: .read, name: names[0])
        case (1, _, "HEAD"): return ResourceRequest(verb: .head, name: names[0])
        case (1, _, "POST"): return ResourceRequest(verb: .insert, name: names[0])
        case (1, _, "PUT"): return ResourceRequest(verb: .put, name: names[0])
        case (1, _, "PATCH"): return ResourceRequest(verb: .update, name: names[0])
        case (1, _, "DELETE"): return ResourceRequest(verb: .delete, name: names[0])
        case (1, _, _): throw APIError(405, "PGRST117", "Unsupported HTTP method")
        default: throw APIError(404, "PGRST125", "Invalid path specified in request URL")
        }
    }

    /// Those that a request to a table or function understands; another would be passed over unnoticed.
    private static func fields(_ headers: JSONObject) throws(APIError) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers.members {
            guard let field = HTTPField.Name(name), ResourceRequest.headers.contains(field) else {
                throw .invalidBody("The header \(APIError.excerpt(name)) has no meaning in an operation")
            }
            let texts = value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue) ?? []
            guard !texts.isEmpty, texts.count == value.arrayValue?.count ?? 1 else {
                throw .invalidBody("The header \(APIError.excerpt(name)) must be a string, or a list of them")
            }
            for text in texts { fields.append(HTTPField(name: field, value: text)) }
        }
        return fields
    }

    private static func text(of body: (value: JSONValue, text: [UInt8])?, contentType: String?) throws(APIError) -> [UInt8] {
        guard let body else { return [] }
        guard let contentType, MediaType(contentType).name != "application/json" else { return body.text }
        guard let text = body.value.stringValue else {
            throw .invalidBody("A body of the type \(APIError.excerpt(contentType)) is a string")
        }
        return Array(text.utf8)
    }
}

extension ResourceRequest {
    /// What ``take(_:)`` reads.
    static let headers: Set<HTTPField.Name> = [
        .prefer, .accept, .acceptProfile, .contentProfile, .contentType, .range, .rangeUnit, .ifMatch, .ifNoneMatch,
    ]

    /// Takes what the headers say.
    mutating func take(_ fields: HTTPFields) {
        prefer = fields[values: .prefer]
        accept = fields[values: .accept]
        schema = fields[verb.isRead ? .acceptProfile : .contentProfile]
        if verb == .read { range = TableEndpoint.range(fields) }
        if verb.takesBody { contentType = fields[.contentType] }
        guard !verb.isRead else { return }
        ifMatch = fields[values: .ifMatch]
        ifNoneMatch = fields[values: .ifNoneMatch]
    }
}

import CFuzzer
import JSON

@main enum FuzzQuery {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments) { fuzz(UnsafeBufferPointer(start: $0, count: $1)) })
    }
}

/// Any query string, header and body is understood or refused with a 4xx.
private func fuzz(_ input: UnsafeBufferPointer<UInt8>) -> CInt {
    let bytes = Array(input)
    let text = String(decoding: bytes, as: UTF8.self)
    for verb in [Verb.read, .insert, .update, .call, .callReading] {
        attempt {
            let query = try Query(try QueryString(text), range: String(text.prefix(8)), for: verb)
            check(query.shape.root, values: query.values.count)
        }
    }
    attempt { _ = try Preferences([text]) }
    attempt { _ = try AnswerFormat.negotiated([text], for: .callReading) }
    attempt { _ = try QueryShape.Cursor.values(text) }
    for type in ["application/json", "application/x-www-form-urlencoded", "text/plain", text] {
        attempt {
            let payload = try Payload(bytes, contentType: type, for: .call)
            guard payload.form == .object || payload.form == .array || payload.form == .raw(.json) else { return }
            guard (try? JSONValue(parsing: payload.text, maximumDepth: 70)) != nil else { fatalError("not JSON: \(payload.text)") }
        }
    }
    return 0
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch let error as APIError where (400..<500).contains(error.status) && error.message.utf8.count < 1000 {
    } catch {
        fatalError("refused as no client should be: \(error)")
    }
}

/// Every position must be one of a value.
private func check(_ selection: Selection, values: Int) {
    for condition in selection.conditions { check(condition, values: values) }
    if case .parameter(let index) = selection.limit, index >= values { fatalError("a limit without value") }
    if let index = selection.offset, index >= values { fatalError("an offset without value") }
    for case .relation(let embed) in selection.items ?? [] { check(embed.selection, values: values) }
}

private func check(_ condition: Condition, values: Int) {
    switch condition {
    case .all(let conditions, isNegated: _), .any(let conditions, isNegated: _):
        for condition in conditions { check(condition, values: values) }
    case .filter(let filter):
        switch filter.operation {
        case .compare(_, let index), .quantified(_, _, let index), .isIn(let index), .matches(_, language: _, let index):
            if index >= values { fatalError("a filter without value") }
        case .isKeyword: break
        }
    }
}

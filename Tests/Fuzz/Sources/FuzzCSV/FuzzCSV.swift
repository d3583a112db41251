import CFuzzer
import JSON

@main enum FuzzCSV {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments) { fuzz(UnsafeBufferPointer(start: $0, count: $1)) })
    }
}

/// Any file is read alike in pieces of any size, its lines rise, and as a body it is JSON or refused.
private func fuzz(_ input: UnsafeBufferPointer<UInt8>) -> CInt {
    let bytes = Array(input)
    let limits = CSVReader.Limits(fieldBytes: 64, recordBytes: 100, fields: 20)
    let whole = read(bytes, pieces: .max, limits)
    for pieces in [1, 7] where read(bytes, pieces: pieces, limits) != whole { fatalError("read otherwise in pieces of \(pieces)") }
    var line = 0
    for result in whole {
        switch result {
        case .record(let record):
            guard record.line > line, record.fields.allSatisfy({ !$0.utf8.contains(0) }), record.count > 0 else { fatalError("\(record)") }
            line = record.line
        case .problem(let problem):
            guard problem.line > line else { fatalError("\(problem)") }
            line = problem.line
        }
    }
    do {
        let payload = try Payload(bytes, contentType: "text/csv", for: .insert)
        let rows = try JSONValue(parsing: payload.text, maximumDepth: 2)
        guard rows.arrayValue?.count == payload.rowCount else { fatalError("not the rows: \(payload.text)") }
    } catch let error as APIError where error.status == 400 {
    } catch {
        fatalError("\(error)")
    }
    return 0
}

private func read(_ bytes: [UInt8], pieces: Int, _ limits: CSVReader.Limits) -> [CSVReader.Result] {
    var reader = CSVReader(limits: limits)
    var results: [CSVReader.Result] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        reader.append(Array(rest.prefix(pieces)))
        rest = rest.dropFirst(pieces)
        while let result = reader.next() { results.append(result) }
    }
    reader.finish()
    while let result = reader.next() { results.append(result) }
    return results
}

import Postgres
import Testing

@testable import ResourceAPI

/// Reproducible noise (Knuth's MMIX constants).
private struct Noise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

@Suite("Any query string") struct GrammarFuzzTests {
    private static let pieces = [
        "select", "order", "limit", "offset", "columns", "id", "name", "email", "tenant_id", "=", "=", "&", "eq.", "not.", "in.(", ")", "(",
        "is.", "null", "like.", ",", ":", "::", "text", "*", "\"", "\\", "%22", "%5C", "%00", "%", "+", " ", ".desc", ".asc", ".nullslast",
        "->",
        "...", "!", ";", "--", "'", "$1", "0", "20", "-1", "é", "\u{0301}", "\u{212A}", "%C3", "{", "}",
    ]

    private static let beginnings = ["", "id=eq.", "name=in.(", "select=", "order=", "id=is.null&select=", "select=x:id&name=not.like."]

    @Test("is answered with a statement that holds none of its values, or with a 4xx") func noise() throws {
        let engine = ResourceEngine(catalog: SampleCatalog.catalog)
        var noise = Noise(state: 42)
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...12, using: &noise)
            let beginning = Self.beginnings.randomElement(using: &noise) ?? ""
            let raw = beginning + (0..<count).map { _ in Self.pieces.randomElement(using: &noise) ?? "" }.joined()
            for verb in [Verb.read, .delete] {
                do {
                    let prepared = try engine.prepare(ResourceRequest(verb: verb, table: "customers", rawQuery: raw[...]))
                    let statement = try #require(prepared.operation.statement)
                    accepted += 1
                    #expect(statement.sources.count(where: { if case .value = $0 { true } else { false } }) == prepared.query.values.count)
                    #expect(!statement.statement.text.contains("tenant_id") || raw.contains(":"), "\(raw)")
                    #expect(!statement.statement.text.contains("--") && !statement.statement.text.contains(";"), "\(raw)")
                } catch let error as APIError {
                    #expect((400..<500).contains(error.status), "\(raw)")
                }
            }
        }
        #expect(accepted > 5000)
    }
}

import JSON
import Testing

@testable import ResourceAPI

/// Reproducible noise (Knuth's MMIX constants).
struct Noise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }

    mutating func one(of texts: [String]) -> String { texts.randomElement(using: &self) ?? "" }

    mutating func isTrue(in chances: Int) -> Bool { Int.random(in: 0..<chances, using: &self) == 0 }
}

/// Makes query strings that follow the grammar.
private struct Grammar {
    var noise: Noise
    private var embeds: [String] = []

    init(seed: UInt64) {
        noise = Noise(state: seed)
    }

    mutating func query() -> String {
        embeds = []
        var parameters: [String] = []
        if noise.isTrue(in: 2) { parameters.append("select=" + items(path: "", depth: 0)) }
        for _ in 0..<Int.random(in: 0...4, using: &noise) { parameters.append(parameter()) }
        return parameters.joined(separator: "&")
    }

    private mutating func parameter() -> String {
        let path = noise.isTrue(in: 2) ? "" : noise.one(of: embeds)
        switch Int.random(in: 0...6, using: &noise) {
        case 0: return "\(path)order=" + (0...2).map { _ in order() }.joined(separator: ",")
        case 1: return "\(path)limit=\(Int.random(in: 0...200, using: &noise))"
        case 2: return "\(path)offset=\(Int.random(in: 0...200, using: &noise))"
        case 3: return "\(path)\(noise.one(of: ["and", "or", "not.and", "not.or"]))=\(group(depth: 0))"
        default: return "\(path)\(field())=\(operation(isNested: false))"
        }
    }

    private mutating func name() -> String {
        noise.one(of: [
            "id", "name", "a_b", "c-d", "first name", "näme", "%22a.b%22", "%22x,y)%22", "not", "%22and%22", "after", "count", "$1",
        ])
    }

    private mutating func field() -> String {
        var text = name()
        while noise.isTrue(in: 4) { text += noise.one(of: ["->", "->>"]) + noise.one(of: ["a", "0", "-1", "b c", "%22%22", "1x"]) }
        return text
    }

    private mutating func items(path: String, depth: Int) -> String {
        (0...Int.random(in: 0...2, using: &noise)).map { _ in item(path: path, depth: depth) }.joined(separator: ",")
    }

    private mutating func item(path: String, depth: Int) -> String {
        if depth < 3, noise.isTrue(in: 3) {
            let name = noise.one(of: ["rel", "other", "third"])
            let alias = noise.one(of: ["", "", "x"])
            let mark = noise.one(of: ["", "!inner", "!fk", "!fk!left"])
            let inner = path + (alias.isEmpty ? name : alias) + "."
            embeds.append(inner)
            return (alias.isEmpty ? noise.one(of: ["", "..."]) : alias + ":") + "\(name)\(mark)(\(items(path: inner, depth: depth + 1)))"
        }
        switch Int.random(in: 0...4, using: &noise) {
        case 0: return "*"
        case 1: return noise.one(of: ["count()", "n:count()", "id.sum()", "x:id.max()::text"])
        default: return noise.one(of: ["", "x:"]) + field() + noise.one(of: ["", "::text", "::int"])
        }
    }

    private mutating func order() -> String {
        field() + noise.one(of: ["", ".asc", ".desc"]) + noise.one(of: ["", ".nullsfirst", ".nullslast"])
    }

    private mutating func group(depth: Int) -> String {
        "(" + (0...Int.random(in: 0...2, using: &noise)).map { _ in condition(depth: depth) }.joined(separator: ",") + ")"
    }

    private mutating func condition(depth: Int) -> String {
        if depth < 4, noise.isTrue(in: 4) { return noise.one(of: ["and", "or", "not.and", "not.or"]) + group(depth: depth + 1) }
        return field() + "." + operation(isNested: true)
    }

    private mutating func operation(isNested: Bool) -> String {
        let not = noise.one(of: ["", "", "not."])
        switch Int.random(in: 0...5, using: &noise) {
        case 0: return not + "in.(" + noise.one(of: ["", "1,2", "%22a,b%22,c", "%22%5C%22%22"]) + ")"
        case 1: return not + "is." + noise.one(of: ["null", "not_null", "TRUE", "false", "unknown"])
        case 2: return not + noise.one(of: ["fts", "plfts(english)", "phfts", "wfts(german)"]) + "." + value(isNested)
        case 3: return not + noise.one(of: ["eq(any)", "like(all)", "gt(any)"]) + ".{1,2}"
        default: return not + noise.one(of: ["eq", "neq", "like", "ilike", "match", "isdistinct", "cs", "adj"]) + "." + value(isNested)
        }
    }

    private mutating func value(_ isNested: Bool) -> String {
        isNested
            ? noise.one(of: ["1", "", "a b", "%22a,)%22", "{1,2}", "*x*"]) : noise.one(of: ["1", "", "a,b)", "(x", "%22", "null", "*"])
    }
}

@Suite("Any query string") struct GrammarFuzzTests {
    /// - Returns: whether it was understood.
    private func understands(_ raw: String, _ verb: Verb = .read) throws -> Bool {
        do {
            let query = try parse(raw, verb, range: "0-9")
            #expect(Self.values(query.shape.root).allSatisfy { $0 < query.values.count })
            return true
        } catch let error as APIError {
            #expect((400..<500).contains(error.status), "\(raw)")
            #expect(["PGRST100", "PGRST103", "PGRST108", "42704"].contains(error.code), "\(raw)")
            #expect(error.message.utf8.count + (error.details?.utf8.count ?? 0) < 1000, "\(raw)")
            return false
        }
    }

    private static func values(_ selection: Selection) -> [ValueIndex] {
        var indices = selection.conditions.flatMap(values) + (selection.offset.map { [$0] } ?? [])
        if case .parameter(let index) = selection.limit { indices.append(index) }
        for case .relation(let embed) in selection.items ?? [] { indices += values(embed.selection) }
        return indices
    }

    private static func values(_ condition: Condition) -> [ValueIndex] {
        switch condition {
        case .all(let conditions, isNegated: _), .any(let conditions, isNegated: _): conditions.flatMap(values)
        case .filter(let filter):
            switch filter.operation {
            case .compare(_, let index), .quantified(_, _, let index), .isIn(let index), .matches(_, language: _, let index): [index]
            case .isKeyword: []
            }
        }
    }

    @Test("that follows the grammar is understood, in one way only") func grammatical() throws {
        var grammar = Grammar(seed: 7)
        var understood = 0
        for _ in 0..<5000 {
            let raw = grammar.query()
            // A word may be given once only, and the range may lie outside the bounds: nothing else is wrong with these.
            do {
                let query = try parse(raw)
                #expect(try parse(raw) == query)
                understood += 1
            } catch let error as APIError {
                #expect(error.message.contains("more than once") || error.code == "PGRST108", "\(raw): \(error)")
            }
        }
        #expect(understood > 4000)
    }

    @Test("that nearly follows the grammar is understood or refused") func mutated() throws {
        var grammar = Grammar(seed: 42)
        var (understood, refused) = (0, 0)
        let pieces = [
            "", "(", ")", ",", ".", "!", ":", "::", "->", "->>", "...", "=", "&", "%22", "%5C", "%", "%00", "%C3", "{", "}", "*", " ", "+",
            "not.", "and(",
            "é", "\u{0301}", "\u{212A}", "'", ";", "--", "$1", "/*", "\u{FEFF}", "%F0%9F%98%80",
        ]
        for _ in 0..<10_000 {
            var bytes = Array(grammar.query().utf8)
            for _ in 0...Int.random(in: 0...2, using: &grammar.noise) {
                let position = Int.random(in: 0...bytes.count, using: &grammar.noise)
                if position < bytes.count, grammar.noise.isTrue(in: 2) { bytes.remove(at: position) }
                bytes.insert(contentsOf: grammar.noise.one(of: pieces).utf8, at: min(position, bytes.count))
            }
            let raw = String(decoding: bytes, as: UTF8.self)
            for verb in [Verb.read, .callReading, .insert] {
                if try understands(raw, verb) { understood += 1 } else { refused += 1 }
            }
        }
        #expect(understood > 1000)
        #expect(refused > 3000)
    }

    @Test("of noise is understood or refused") func noise() throws {
        var noise = Noise(state: 4711)
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...60, using: &noise)).map { _ in UInt8.random(in: 0...255, using: &noise) }
            _ = try understands(String(decoding: bytes, as: UTF8.self))
            _ = try? Payload(bytes, contentType: "text/csv", for: .insert)
            _ = try? Payload(bytes, contentType: "application/json", for: .call)
            _ = try? Preferences([String(decoding: bytes, as: UTF8.self)])
            _ = try? AnswerFormat.negotiated([String(decoding: bytes, as: UTF8.self)], for: .read)
        }
    }

    @Test("keeps its values out of its shape") func values() throws {
        var grammar = Grammar(seed: 99)
        for _ in 0..<2000 {
            let raw = grammar.query()
            guard let query = try? parse(raw), let other = try? parse(raw.replacing("=eq.1", with: "=eq.other")) else { continue }
            #expect(query.shape == other.shape)
        }
    }
}

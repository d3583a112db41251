import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Requests put together at random: whatever is planned can be run, and all ways of counting agree.
@Suite("Random reads", .enabled(if: TestDatabase.isConfigured)) struct SelectRandomTests {
    /// What a table has, and how others are reached from it.
    private struct Place {
        let columns: [String]
        let related: [(name: String, target: String, isToOne: Bool)]
    }

    private static let places: [String: Place] = [
        "clients": Place(
            columns: ["id", "name", "city", "label", "data->a->b", "data->l->0", "raw->>n", "tags->0", "span"],
            related: [
                ("projects", "projects", false), ("profiles", "profiles", true), ("big_projects", "projects", false),
                ("top_project", "projects", true), ("paid_projects", "paid_projects", false),
            ]),
        "profiles": Place(columns: ["client_id", "bio"], related: [("clients", "clients", true), ("client_id", "clients", true)]),
        "projects": Place(
            columns: ["id", "name", "budget", "due", "worth"], related: [("clients", "clients", true), ("tasks", "tasks", false)]),
        "paid_projects": Place(columns: ["id", "name", "budget"], related: [("clients", "clients", true), ("tasks", "tasks", false)]),
        "tasks": Place(
            columns: ["id", "title", "hours"],
            related: [("projects", "projects", true), ("users", "users", false), ("user_tasks", "user_tasks", false)]),
        "users": Place(
            columns: ["id", "name", "boss_id"],
            related: [
                ("users", "users", false), ("boss_id", "users", true), ("tasks", "tasks", false),
                ("users!follows_followed_fkey", "users", false),
            ]),
        "user_tasks": Place(columns: ["user_id", "task_id"], related: [("users", "users", true), ("tasks", "tasks", true)]),
    ]

    private struct Maker {
        var generator: SplitMix
        var parameters: [String] = []
        var number = 0

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

        mutating func pick<C: Collection>(_ items: C) -> C.Element {
            items[items.index(items.startIndex, offsetBy: Int.random(in: 0..<items.count, using: &generator))]
        }

        /// The select list of a table; adds filters, order and bounds under `prefix`.
        mutating func selection(_ table: String, prefix: String, depth: Int) -> String {
            guard let place = SelectRandomTests.places[table] else { return "*" }
            var items: [String] = []
            let aggregates = chance(15)
            for column in place.columns where chance(40) {
                number += 1
                let cast = chance(15) ? "::text" : ""
                items.append("c\(number):\(column)\(cast)\(aggregates && chance(50) ? ".count()" : "")")
            }
            if aggregates { items.append("n\(number):count()") }
            if chance(10) { items.append("*") }
            var embedded: [(name: String, isToOne: Bool)] = []
            for related in place.related where depth < 3 && chance(30) {
                number += 1
                let name = "r\(number)"
                let parts = related.name.split(separator: "!", maxSplits: 1)
                let hint = parts.count > 1 ? "!\(parts[1])" : ""
                let spreads = chance(25)
                let alias = spreads ? String(parts[0]) : name
                if spreads, embedded.contains(where: { $0.name == alias }) { continue }
                let path = prefix + alias + "."
                let inner = selection(related.target, prefix: path, depth: depth + 1)
                items.append("\(spreads ? "..." : "\(name):")\(parts[0])\(hint)\(chance(30) ? "!inner" : "")(\(chance(15) ? "" : inner))")
                embedded.append((alias, related.isToOne))
            }
            clauses(place, prefix: prefix, embedded: embedded)
            return items.joined(separator: ",")
        }

        private mutating func clauses(_ place: Place, prefix: String, embedded: [(name: String, isToOne: Bool)]) {
            let key = place.columns[0]
            if chance(40) {
                parameters.append("\(prefix)\(key)=\(pick(["gt.1", "lte.3", "in.(1,2,4)", "not.eq.2", "eq(any).{1,3}", "is.null"]))")
            }
            if chance(25) { parameters.append("\(prefix)or=(\(key).eq.1,and(\(key).gt.1,\(pick(place.columns)).not.is.null))") }
            for embed in embedded where chance(25) { parameters.append("\(prefix)\(embed.name)=\(pick(["is.null", "not.is.null"]))") }
            if chance(40) {
                let relation = embedded.first(where: \.isToOne)
                let term = relation != nil && chance(40) ? "\(relation?.name ?? "")(\(chance(50) ? "id" : "name"))" : pick(place.columns)
                parameters.append("\(prefix)order=\(term)\(pick(["", ".desc", ".asc.nullsfirst"])),\(key)")
            }
            if chance(30) { parameters.append("\(prefix)limit=\(pick([0, 1, 2, 777]))") }
            if chance(15) { parameters.append("\(prefix)offset=\(pick([0, 1]))") }
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// What a request may be refused for: names that a table does not have, what cannot be ordered or grouped, aggregates in arrays.
    private static let refusals: Set<String> = ["42703", "42803", "PGRST100", "PGRST108", "PGRST118", "PGRST120", "PGRST127", "PGRST201"]

    @Test("are run or refused, and counted alike") func random() async throws {
        try await ReadSample.with { sample async throws in
            var (run, refused) = (0, 0)
            for seed in UInt64(1)...600 {
                var maker = Maker(generator: SplitMix(state: seed))
                let table = maker.pick(Self.places.keys.sorted())
                let select = maker.selection(table, prefix: "", depth: 0)
                let query = (["select=\(select)"] + maker.parameters).joined(separator: "&")
                if let refusal = sample.refusal(table, query) {
                    #expect(Self.refusals.contains(refusal.code), "\(table)?\(query): \(refusal)")
                    refused += 1
                    continue
                }
                run += 1
                do {
                    let answer = try await sample.read(table, query, countsAll: true)
                    let body = try #require(answer.body)
                    let rows = try #require(try JSONValue(parsing: Array(body.utf8)).arrayValue)
                    #expect(rows.count == answer.count)
                    #expect(try await sample.count(table, query) == [answer.count, answer.total ?? -1], "\(table)?\(query)")
                    let other = try await sample.read(table, query, tenant: TestDatabase.globex)
                    #expect(other.count == answer.count, "\(table)?\(query)")
                    #expect(!(other.body ?? "").contains("\"Ada\"") && !(other.body ?? "").contains("\"Alpha\""))
                } catch let error as PostgresError {
                    Issue.record("\(table)?\(query)\n\(error.debugDescription)\n\((try? sample.text(table, query)) ?? "")")
                }
            }
            #expect(run > 300, "\(run) run, \(refused) refused")
        }
    }
}

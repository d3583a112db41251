import JSON

/// Looks for the name that was probably meant: the fewest changes away, about a third of its length at most.
///
/// The cost is bounded: names have 63 bytes at most, and only so many candidates are looked at.
struct NearestName {
    private static let maximumCandidates = 5000
    private static let maximumBytes = 63

    private let wanted: [UInt8]
    private let limit: Int
    private var looked = 0
    private var best: (name: String, distance: Int)?

    init(to name: String) {
        wanted = Self.folded(name)
        limit = max(1, min((wanted.count + 1) / 3, 8))
    }

    /// The nearest of the candidates, the first of equals in their order.
    static func find(_ name: String, among candidates: some Sequence<String>) -> String? {
        var search = NearestName(to: name)
        guard !search.wanted.isEmpty, search.wanted.count <= maximumBytes else { return nil }
        for candidate in candidates {
            guard search.look(at: candidate) else { break }
        }
        return search.best?.name
    }

    /// - Returns: false when enough were looked at.
    private mutating func look(at candidate: String) -> Bool {
        looked += 1
        guard looked <= Self.maximumCandidates else { return false }
        let bound = (best?.distance ?? limit + 1) - 1
        if abs(candidate.utf8.count - wanted.count) <= bound {
            let distance = distance(to: Self.folded(candidate), within: bound)
            if distance <= bound { best = (candidate, distance) }
        }
        return best?.distance != 0
    }

    /// Changes of a byte, and swaps of two, that make one of the other; or something beyond `bound`.
    private func distance(to other: [UInt8], within bound: Int) -> Int {
        var before: [Int] = []
        var row = Array(0...other.count)
        for i in 1...wanted.count {
            var next = [i]
            next.reserveCapacity(other.count + 1)
            for j in 0..<other.count {
                var least = min(row[j + 1] + 1, next[j] + 1, row[j] + (wanted[i - 1] == other[j] ? 0 : 1))
                if i > 1, j > 0, wanted[i - 1] == other[j - 1], wanted[i - 2] == other[j] { least = min(least, before[j - 1] + 1) }
                next.append(least)
            }
            (before, row) = (row, next)
            // A swap looks back by two rows.
            if min(before.min() ?? 0, row.min() ?? 0) > bound { return bound + 1 }
        }
        return row[other.count]
    }

    /// Letters' case costs nothing.
    private static func folded(_ name: String) -> [UInt8] {
        name.utf8.map { byte in (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte }
    }
}

/// What an error's hint may name. Every search takes the caller's own test, so that a hint tells nobody of what is not theirs to see.
extension Catalog {
    func nearestTable(to name: String, schema: String? = nil, where isVisible: (Table) -> Bool = { _ in true }) -> Table? {
        let candidates = (tables[schema ?? schemas.first ?? ""] ?? [:]).values.filter(isVisible).sorted { $0.name < $1.name }
        return NearestName.find(name, among: candidates.lazy.map(\.name)).flatMap { found in
            candidates.first { $0.name.utf8.elementsEqual(found.utf8) }
        }
    }

    func nearestFunction(to name: String, schema: String? = nil, where isVisible: (Function) -> Bool = { _ in true }) -> Function? {
        let candidates = (functions[schema ?? schemas.first ?? ""] ?? [:]).values.compactMap { $0.first(where: isVisible) }
            .sorted { $0.name < $1.name }
        return NearestName.find(name, among: candidates.lazy.map(\.name)).flatMap { found in
            candidates.first { $0.name.utf8.elementsEqual(found.utf8) }
        }
    }

    /// The name of a relation that `source` can embed.
    func nearestRelation(to name: String, of source: RelationID, where isVisible: (Relationship) -> Bool = { _ in true }) -> String? {
        let names = (relationships[source] ?? []).filter(isVisible).map { relationship in
            if case .computed(let function, _) = relationship.cardinality { function.name } else { relationship.target.name.string }
        }
        return NearestName.find(name, among: names)
    }

    func nearestColumn(to name: String, of table: Table) -> String? {
        NearestName.find(name, among: table.columns.map(\.name) + (computedColumns[table.id] ?? []).map(\.name))
    }
}

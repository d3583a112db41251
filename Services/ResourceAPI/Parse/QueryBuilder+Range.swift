extension QueryBuilder {
    /// Narrows the root's bounds to a `Range` of rows: `10-19`, `10-`. Another form is passed over.
    ///
    /// - Throws: 416 `PGRST103` if nothing is left, and `limit=0` did not ask for that.
    mutating func restrict(to range: String) throws(APIError) {
        guard let dash = range.utf8.firstIndex(of: UInt8(ascii: "-")), let start = Self.decimal(range[..<dash]) else { return }
        let end = range[range.utf8.index(after: dash)...]
        var last: Int?
        if !end.isEmpty {
            guard let number = Self.decimal(end) else { return }
            last = min(number, Query.maximumCount)
        }
        if nodes[0].limit == 0 { return }
        let offset = nodes[0].offset ?? 0
        let first = max(offset, min(start, Query.maximumCount))
        if let limit = nodes[0].limit { last = min(last ?? .max, offset + limit - 1) }
        if let last {
            guard first <= last else {
                throw APIError(
                    416, "PGRST103", "Requested range not satisfiable",
                    details: "The lower boundary must be lower than or equal to the upper boundary in the Range header.")
            }
            nodes[0].limit = min(last - first + 1, Query.maximumCount)
        }
        nodes[0].offset = first
    }
}

/// Resolves a selection's names against the catalog.
struct ReadPlanner: Sendable {
    let catalog: Catalog
    /// Rows that one read returns at most, at the root and in each embedded relation; nil for no bound. What a write gives back is
    /// bounded by the write.
    let maximumRows: Int?
    /// Whether `count()`, `sum()` and the like may be asked for.
    var allowsAggregates = true

    /// - Throws: 400 `PGRST100` beyond the bounds of one request, `PGRST108`, `PGRST118`, `PGRST120`, `PGRST123`, `PGRST127`, `PGRST200`,
    ///   `42703` for an unknown column; 300 `PGRST201`; 403 `42501` where the database role may not read a relation.
    func plan(_ selection: Selection, of source: ReadPlan.Source, after: QueryShape.Cursor? = nil) throws(APIError) -> ReadPlan {
        throw .unsupported("reading", "")
    }
}

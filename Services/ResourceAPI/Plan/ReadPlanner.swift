/// Resolves a selection's names against the catalog.
struct ReadPlanner: Sendable {
    let catalog: Catalog
    /// Rows that one read returns at most; nil for no bound.
    let maximumRows: Int?

    func plan(_ selection: Selection, of source: ReadPlan.Source, after: QueryShape.Cursor? = nil) throws(APIError) -> ReadPlan {
        throw .unsupported("reading", "")
    }
}

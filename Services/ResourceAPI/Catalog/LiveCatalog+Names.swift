extension LiveCatalog {
    /// A name that the catalog does not know may be newer than the catalog: the body is run again for each newer one there is.
    func withNewerNames<R>(_ body: (ResourceEngine) throws(APIError) -> R) async throws -> R {
        var engine = try await require()
        while true {
            do throws(APIError) {
                return try body(engine)
            } catch {
                guard error.isUnknownName, let newer = try await reloadForUnknownName(engine) else { throw error }
                engine = newer
            }
        }
    }
}

extension APIError {
    /// Whether a newer catalog might know better.
    var isUnknownName: Bool {
        ["PGRST200", "PGRST202", "PGRST204", "PGRST205", "42703"].contains(code)
    }
}

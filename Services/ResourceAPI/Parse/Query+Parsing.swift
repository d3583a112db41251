extension Query {
    /// Items in one list.
    static let maximumItems = 256

    /// Reads a query string for `verb`.
    ///
    /// - Throws: 400 `PGRST100`.
    init(_ string: QueryString, for verb: Verb) throws(APIError) {
        throw .unsupported("query strings", "")
    }
}

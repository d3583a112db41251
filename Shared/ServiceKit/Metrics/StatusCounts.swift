/// How many answers there were of each class of status. Who makes it destroys it.
struct StatusCounts: Sendable, BitwiseCopyable {
    static let names = ["1xx", "2xx", "3xx", "4xx", "5xx"]
    static var count: Int { 5 }

    private let cells: StripedCells

    static func make() -> StatusCounts { StatusCounts(cells: .make(count)) }

    func destroy() { cells.destroy() }

    func add(_ status: Int) { cells.add(1, at: Self.index(of: status)) }

    /// What is no status counts as the nearest class.
    static func index(of status: Int) -> Int { min(max(status / 100, 1), 5) - 1 }

    var values: [(name: String, count: Int)] { Self.names.enumerated().map { ($1, cells.sum(at: $0)) } }
}

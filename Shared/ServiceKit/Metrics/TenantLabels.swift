/// Which tenants have a label of their own in metrics: those that were named, or the first so many that are served. All others share `other`,
/// so what is measured of tenants is bounded however many there are.
public final class TenantLabels: Sendable {
    /// A tenant's place, or `other`'s; 0: none was noted.
    public struct Label: Sendable {
        let rawValue: Int32
    }

    struct Series: Sendable, BitwiseCopyable {
        let duration: Histogram
        let classes: StatusCounts

        static func make() -> Series { Series(duration: .make(), classes: .make()) }

        func destroy() {
            duration.destroy()
            classes.destroy()
        }
    }

    static let defaultLimit = 50
    private static let maximum = 1000
    private static let other = Label(rawValue: 1)

    private let table: AtomicTable<Series>
    private let others = Series.make()
    private let isOpen: Bool

    /// - Parameter limit: tenants that get a label of their own as they come.
    public init(limit: Int = 50) {
        table = AtomicTable(limit: limit) { $0.destroy() }
        isOpen = limit > 0
    }

    /// - Parameter slugs: of the tenants that have a label of their own.
    public init(only slugs: [String]) {
        table = AtomicTable(limit: slugs.count) { $0.destroy() }
        isOpen = false
        for slug in slugs { _ = table.insert(slug, Series.make) }
    }

    deinit { others.destroy() }

    /// `SALLYPORT_METRICS_TENANTS`: slugs separated by commas, or how many tenants get a label as they come.
    public convenience init(_ settings: Settings) throws(SettingError) {
        let text = settings.optional("METRICS_TENANTS") ?? String(Self.defaultLimit)
        if let limit = Int(text) {
            guard (0...Self.maximum).contains(limit) else { throw Self.unusable(text) }
            self.init(limit: limit)
        } else {
            let slugs = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.drop { $0 == " " }) }
            guard !slugs.isEmpty, slugs.count <= Self.maximum, slugs.allSatisfy(Self.isSlug) else { throw Self.unusable(text) }
            self.init(only: slugs)
        }
    }

    /// - Parameter slug: of a tenant that exists: what a client merely claims must not use up the room.
    public func label(of slug: String) -> Label {
        let position = isOpen ? table.insert(slug, Series.make) : table.position(of: slug)
        return position.map { Label(rawValue: Int32(truncatingIfNeeded: $0) + 2) } ?? Self.other
    }

    /// - Parameter note: a label's number; 0: the request was for no tenant.
    func record(_ nanoseconds: Int64, status: Int, note: Int32) {
        guard note != 0, let series = note == Self.other.rawValue ? others : table[Int(note) - 2] else { return }
        series.duration.recordNanoseconds(nanoseconds)
        series.classes.add(status)
    }

    /// In order of name; `other` last, once something was counted for it.
    var series: [(tenant: String, series: Series)] {
        let named = table.entries.sorted { $0.name < $1.name }.map { (tenant: $0.name, series: $0.value) }
        return others.classes.values.allSatisfy { $0.count == 0 } ? named : named + [("other", others)]
    }

    private static func isSlug(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    }

    private static func unusable(_ text: String) -> SettingError {
        SettingError(
            variable: Settings.variable("METRICS_TENANTS"),
            problem: "‘\(text.prefix(60))’ is neither a number nor a list of tenants' slugs",
            cure: "Give at most 1000 slugs separated by commas, or how many tenants get a label; leave it unset for 50."
        )
    }
}

internal import HTTPTypes
internal import Synchronization

/// Rate, errors and durations of requests: by route, method and class of status, and by tenant.
///
/// A request is recorded without a lock, without an allocation and without a text being made: its route is found in a table, the rest is
/// additions.
public final class RequestMetrics: Sendable {
    /// Routes are a closed set; more than so many would be a mistake, and are counted as one.
    private static let maximumRoutes = 512
    private static let methods: [HTTPRequest.Method] = [.get, .post, .head, .put, .patch, .delete, .options]
    private static let methodNames = methods.map(\.rawValue) + ["other"]

    /// A route's histograms by method, then by class of status; each is made when it is first needed.
    ///
    /// `@unchecked Sendable`: the memory is written when it is made, and after that through atomics only.
    private struct Route: @unchecked Sendable, BitwiseCopyable {
        private let cells: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>
        private static var count: Int { 8 * StatusCounts.count }

        static func make() -> Route {
            let cells = UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>.allocate(capacity: count)
            for index in 0..<count { (cells + index).initialize(to: Atomic(nil)) }
            return Route(cells: cells)
        }

        func destroy() {
            for (_, histogram) in histograms { histogram.destroy() }
            cells.deinitialize(count: Self.count)
            cells.deallocate()
        }

        func record(_ nanoseconds: Int64, method: Int, status: Int) {
            let index = method &* StatusCounts.count &+ StatusCounts.index(of: status)
            let memory = cells[index].load(ordering: .acquiring) ?? addHistogram(at: index)
            Histogram(memory).recordNanoseconds(nanoseconds)
        }

        private func addHistogram(at index: Int) -> UnsafeMutableRawPointer {
            let made = Histogram.make()
            let (_, there) = cells[index].compareExchange(expected: nil, desired: made.memory, ordering: .acquiringAndReleasing)
            guard let there else { return made.memory }
            // Another thread was first.
            made.destroy()
            return there
        }

        var histograms: [(labels: [(String, String)], histogram: Histogram)] {
            (0..<Self.count).compactMap { index in
                let (method, status) = index.quotientAndRemainder(dividingBy: StatusCounts.count)
                let labels = [("method", methodNames[method]), ("status", StatusCounts.names[status])]
                return cells[index].load(ordering: .acquiring).map { (labels, Histogram($0)) }
            }
        }
    }

    private let routes = AtomicTable<Route>(limit: maximumRoutes) { $0.destroy() }
    private let unlisted = Route.make()
    private let tenants: TenantLabels

    /// Adds its families to the registry.
    public init(_ registry: PrometheusRegistry, tenants: TenantLabels = TenantLabels()) {
        self.tenants = tenants
        registry.histograms("http_request_duration_seconds", "Time to answer, by route, method and class of status.") { [self] in
            (routes.entries.map { ($0.name, $0.value) } + [("unlisted", unlisted)]).flatMap { name, route in
                route.histograms.map { (labels: [("route", name)] + $0.labels, histogram: $0.histogram) }
            }
        }
        registry.histograms("sallyport_tenant_request_duration_seconds", "Time to answer, by tenant.") {
            tenants.series.map { (labels: [("tenant", $0.tenant)], histogram: $0.series.duration) }
        }
        registry.register(.counter, "sallyport_tenant_requests_total", "Requests, by tenant and class of status.") {
            tenants.series.flatMap { tenant, series in
                series.classes.values.filter { $0.count > 0 }.map {
                    MetricSample(Double($0.count), [("tenant", tenant), ("status", $0.name)])
                }
            }
        }
        registry.observeGauge("sallyport_http_requests_in_flight", "Requests under way.") { Double(RequestSlots.taken) }
    }

    deinit { unlisted.destroy() }

    func record(_ nanoseconds: Int64, route: String, method: HTTPRequest.Method, status: Int, note: Int32) {
        let series = (routes.position(of: route) ?? routes.insert(route, Route.make)).flatMap { routes[$0] } ?? unlisted
        series.record(nanoseconds, method: Self.index(of: method), status: status)
        tenants.record(nanoseconds, status: status, note: note)
    }

    /// Methods are a closed set too: any other is `other`.
    static func name(of method: HTTPRequest.Method) -> String { methodNames[index(of: method)] }

    private static func index(of method: HTTPRequest.Method) -> Int {
        switch method {
        case .get: 0
        case .post: 1
        case .head: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        default: 7
        }
    }
}

// What recording one request costs, from two threads at once as in the services: compiled together with the sources that record, see Benchmarks/metrics.
import Glibc
import Synchronization

let rounds = 500_000
let routes = (0..<120).map { "/t/:tenant/admin/v1/resource-\($0)/:id" } + ["/t/:tenant/oauth2/token", "/api/v1/:table"]
let tenants = (0..<50).map { "tenant-\($0)" }
let sink = Atomic<Int64>(0)

func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Of all threads, so that what else the machine does counts for nothing.
func processorTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds of processor that one call takes, on two threads that do the same.
func measure(_ body: @escaping @Sendable (Int) -> Void) -> Double {
    let best = (0..<5).map { _ -> Double in
        final class Work: Sendable {
            let body: @Sendable (Int) -> Void
            init(_ body: @escaping @Sendable (Int) -> Void) { self.body = body }
        }
        let start = processorTime()
        let threads = (0..<2).map { _ -> pthread_t in
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { context in
                    guard let context else { return nil }
                    let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                    for round in 0..<rounds { work.body(round) }
                    return nil
                }, Unmanaged.passRetained(Work(body)).toOpaque())
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
        return Double(processorTime() - start) / Double(2 * rounds)
    }
    return best.min() ?? 0
}

struct Series: Sendable, BitwiseCopyable {
    let duration = Histogram.make()
    let classes = StatusCounts.make()
}

/// As it would be with a lock around a dictionary and around each histogram.
final class Locked: Sendable {
    struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    final class Buckets: Sendable {
        let state = Mutex((counts: [Int](repeating: 0, count: 15), sum: Int64(0)))
    }

    let timers = Mutex<[Key: Buckets]>([:])

    func record(_ nanoseconds: Int64, route: String, method: String, status: Int) {
        let key = Key(route: route, method: method, status: status)
        let buckets = timers.withLock { timers in
            if let known = timers[key] { return known }
            let made = Buckets()
            timers[key] = made
            return made
        }
        let bucket = Histogram.bounds.firstIndex { Int(nanoseconds) <= $0 } ?? 14
        buckets.state.withLock { state in
            state.counts[bucket] += 1
            state.sum += nanoseconds
        }
    }
}

@main
enum Bench {
    nonisolated static func main() {
        let routeTable = AtomicTable<Series>(limit: 512) { _ in }
        let tenantTable = AtomicTable<Series>(limit: 50) { _ in }
        for name in routes { _ = routeTable.insert(name) { Series() } }
        for name in tenants { _ = tenantTable.insert(name) { Series() } }
        let (busyRoute, busyTenant) = (routes[120], tenants[7])
        let locked = Locked()

        @Sendable func record(_ route: String, _ tenant: String, _ round: Int) {
            let start = now()
            let slot = RequestSlots.take()
            RequestSlots.note(Int32(tenantTable.position(of: tenant) ?? 0), at: slot)
            let duration = now() - start + Int64(round & 0xfffff)
            let note = RequestSlots.leave(slot)
            if let place = routeTable.position(of: route) { routeTable[place]?.duration.recordNanoseconds(duration) }
            if let series = tenantTable[Int(note)] {
                series.duration.recordNanoseconds(duration)
                series.classes.add(200)
            }
        }

        let clock = measure { _ in sink.store(now() &- now(), ordering: .relaxed) }
        let one = measure { record(busyRoute, busyTenant, $0) }
        let spread = measure { record(routes[$0 % routes.count], tenants[$0 % tenants.count], $0) }
        let lock = measure { round in
            let start = now()
            locked.record(now() - start + Int64(round & 0xfffff), route: busyRoute, method: "POST", status: 200)
        }
        func line(_ what: String, _ value: Double) { print(what, String(Int(value.rounded())), "ns") }
        line("reading the clock twice                                ", clock)
        line("a request of one route and tenant, both threads on it  ", one)
        line("requests of 122 routes and 50 tenants                  ", spread)
        line("the same without tenants, with locks and a dictionary  ", lock)
    }
}

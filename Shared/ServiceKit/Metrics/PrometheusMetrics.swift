internal import CoreMetrics
internal import Synchronization

protocol PrometheusMetric: AnyObject, Sendable {
    var kind: String { get }
    func write(name: String, labels: String, to text: inout String)
}

extension PrometheusMetric {
    fileprivate func line(_ name: String, _ labels: String, _ value: String) -> String {
        labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}

final class PrometheusCounter: PrometheusMetric, CounterHandler {
    private let value = Atomic<Int64>(0)
    let kind = "counter"

    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    func write(name: String, labels: String, to text: inout String) {
        text += line(name, labels, String(value.load(ordering: .relaxed)))
    }
}

final class PrometheusGauge: PrometheusMetric, MeterHandler {
    private let value = Mutex<Double>(0)
    let kind = "gauge"

    func set(_ newValue: Int64) { set(Double(newValue)) }
    func set(_ newValue: Double) { value.withLock { $0 = newValue } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }

    func write(name: String, labels: String, to text: inout String) {
        text += line(name, labels, value.withLock { "\($0)" })
    }
}

/// A number that is kept elsewhere, asked for when the metrics are read.
final class PrometheusObservation: PrometheusMetric {
    let kind: String
    private let value: @Sendable () -> Double

    init(kind: String, value: @escaping @Sendable () -> Double) {
        self.kind = kind
        self.value = value
    }

    func write(name: String, labels: String, to text: inout String) {
        let value = value()
        text += line(name, labels, value == .infinity ? "+Inf" : "\(value)")
    }
}

final class PrometheusSummary: PrometheusMetric, RecorderHandler {
    private let state = Mutex<(sum: Double, count: Int)>((0, 0))
    let kind = "summary"

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { state.withLock { $0 = ($0.sum + value, $0.count + 1) } }

    func write(name: String, labels: String, to text: inout String) {
        let (sum, count) = state.withLock { $0 }
        text += line(name + "_sum", labels, "\(sum)") + line(name + "_count", labels, "\(count)")
    }
}

final class PrometheusHistogram: PrometheusMetric, TimerHandler {
    /// Upper bounds in nanoseconds, from a quarter of a millisecond to ten seconds.
    private static let bounds: [Int64] = [
        250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 10_000_000_000,
    ]

    private struct State {
        var buckets = [Int](repeating: 0, count: PrometheusHistogram.bounds.count + 1)
        var nanoseconds: Int64 = 0
    }

    private let state = Mutex(State())
    let kind = "histogram"

    func recordNanoseconds(_ duration: Int64) {
        let bucket = Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count
        state.withLock { state in
            state.buckets[bucket] += 1
            state.nanoseconds &+= duration
        }
    }

    func write(name: String, labels: String, to text: inout String) {
        let state = state.withLock { $0 }
        let prefix = labels.isEmpty ? "" : labels + ","
        var cumulative = 0
        for (count, bound) in zip(state.buckets, Self.bounds.map { "\(Double($0) / 1e9)" } + ["+Inf"]) {
            cumulative += count
            text += line(name + "_bucket", prefix + "le=\"\(bound)\"", "\(cumulative)")
        }
        text += line(name + "_sum", labels, "\(Double(state.nanoseconds) / 1e9)") + line(name + "_count", labels, "\(cumulative)")
    }
}

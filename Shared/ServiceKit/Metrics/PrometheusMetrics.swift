internal import CoreMetrics
internal import Synchronization

protocol PrometheusMetric: AnyObject, Sendable {
    var kind: String { get }
    func write(name: String, labels: String, to text: inout ExpositionText)
}

final class PrometheusCounter: PrometheusMetric, CounterHandler {
    private let value = Atomic<Int64>(0)
    let kind = "counter"

    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.line(name, labels, String(value.load(ordering: .relaxed)))
    }
}

final class PrometheusGauge: PrometheusMetric, MeterHandler {
    /// A double's bits.
    private let bits = Atomic<UInt64>(0)
    let kind = "gauge"

    func set(_ newValue: Int64) { set(Double(newValue)) }
    func set(_ newValue: Double) { bits.store(newValue.bitPattern, ordering: .relaxed) }
    func increment(by amount: Double) { add(amount, to: bits) }
    func decrement(by amount: Double) { add(-amount, to: bits) }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.line(name, labels, Double(bitPattern: bits.load(ordering: .relaxed)))
    }
}

final class PrometheusSummary: PrometheusMetric, RecorderHandler {
    private let sum = Atomic<UInt64>(0)
    private let count = Atomic<Int>(0)
    let kind = "summary"

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        add(value, to: sum)
        count.wrappingAdd(1, ordering: .relaxed)
    }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.line(name + "_sum", labels, Double(bitPattern: sum.load(ordering: .relaxed)))
        text.line(name + "_count", labels, String(count.load(ordering: .relaxed)))
    }
}

final class PrometheusHistogram: PrometheusMetric, TimerHandler {
    private let histogram = Histogram.make()
    let kind = "histogram"

    deinit { histogram.destroy() }

    func recordNanoseconds(_ duration: Int64) { histogram.recordNanoseconds(duration) }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.histogram(name, labels, histogram)
    }
}

/// Adds to a double that is kept as its bits.
private func add(_ amount: Double, to bits: borrowing Atomic<UInt64>) {
    var known = bits.load(ordering: .relaxed)
    while true {
        let sum = (Double(bitPattern: known) + amount).bitPattern
        let (isExchanged, original) = bits.compareExchange(expected: known, desired: sum, ordering: .relaxed)
        if isExchanged { return }
        known = original
    }
}

internal import CoreMetrics
public import Metrics
internal import Synchronization

/// A swift-metrics backend that holds every metric in memory and writes Prometheus' text format (0.0.4).
///
/// Durations become histograms in seconds; recorders become summaries of sum and count. Labels come from closed sets, so memory is bounded
/// by the program, not by its clients.
public final class PrometheusRegistry: MetricsFactory {
    private struct Key: Hashable {
        let name: String
        let labels: String
    }

    private let metrics = Mutex<[Key: any PrometheusMetric]>([:])

    public init() {}

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions) { PrometheusCounter() }
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        find(label, dimensions) { PrometheusSummary() }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        find(label, dimensions) { PrometheusGauge() }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(label, dimensions) { PrometheusHistogram() }
    }

    /// A gauge whose value is kept elsewhere.
    public func observeGauge(_ label: String, _ value: @escaping @Sendable () -> Double) {
        _ = find(label, []) { PrometheusObservation(kind: "gauge", value: value) }
    }

    /// A count that is kept elsewhere, and only grows.
    public func observeCounter(_ label: String, _ value: @escaping @Sendable () -> Double) {
        _ = find(label, []) { PrometheusObservation(kind: "counter", value: value) }
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// All metrics, one family after the other, families in order of name.
    public func exposition() -> String {
        let snapshot = metrics.withLock { $0 }.sorted { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
        var text = ""
        var family = ""
        for (key, metric) in snapshot {
            if key.name != family {
                family = key.name
                text += "# TYPE \(family) \(metric.kind)\n"
            }
            metric.write(name: key.name, labels: key.labels, to: &text)
        }
        return text
    }

    private func find<Metric: PrometheusMetric>(
        _ label: String, _ dimensions: [(String, String)], make: () -> Metric
    ) -> Metric {
        let key = Key(name: Self.sanitized(label), labels: Self.labels(dimensions))
        return metrics.withLock { metrics in
            if let metric = metrics[key] as? Metric { return metric }
            let metric = make()
            metrics[key] = metric
            return metric
        }
    }

    private func remove(_ handler: AnyObject) {
        metrics.withLock { metrics in
            guard let key = metrics.first(where: { $0.value === handler })?.key else { return }
            metrics[key] = nil
        }
    }

    private static func sanitized(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
    }

    private static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { name, value in
            let escaped = value.reduce(into: "") { text, character in
                switch character {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.append(character)
                }
            }
            return "\(sanitized(name))=\"\(escaped)\""
        }.joined(separator: ",")
    }
}

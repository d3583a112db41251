internal import CoreMetrics
public import Metrics
internal import Synchronization

/// Every metric of the program, written as Prometheus' text format (0.0.4) when somebody asks.
///
/// What is counted as it happens is a swift-metrics handler; what can be asked for is registered as a function and costs nothing until then.
/// Durations become histograms in seconds; recorders become summaries of sum and count. Labels come from closed sets, so memory is bounded
/// by the program, not by its clients.
public final class PrometheusRegistry: MetricsFactory {
    private struct Key: Hashable {
        let name: String
        let labels: String
    }

    private let metrics = Mutex<[Key: any PrometheusMetric]>([:])
    private let sources = Mutex<[MetricSource]>([])
    private let descriptions = Mutex<[String: String]>([:])

    public init() {}

    // MARK: What is asked for

    /// - Parameters:
    ///   - name: of the family, once in a program; counters end with `_total`.
    ///   - samples: its values at the moment, from whatever thread.
    public func register(_ kind: MetricKind, _ name: String, _ help: String, samples: @escaping @Sendable () -> [MetricSample]) {
        add(
            MetricSource(name: name, kind: kind.rawValue, help: help) { text in
                for sample in samples() { text.line(name, ExpositionText.labels(sample.labels), sample.value) }
            })
    }

    /// - Parameter value: nil where it is not known at the moment.
    public func observeGauge(_ name: String, _ help: String = "", value: @escaping @Sendable () -> Double?) {
        register(.gauge, name, help) { value().map { [MetricSample($0)] } ?? [] }
    }

    /// - Parameter value: only grows.
    public func observeCounter(_ name: String, _ help: String = "", value: @escaping @Sendable () -> Double) {
        register(.counter, name, help) { [MetricSample(value())] }
    }

    func histograms(
        _ name: String, _ help: String, _ histograms: @escaping @Sendable () -> [(labels: [(String, String)], histogram: Histogram)]
    ) {
        add(
            MetricSource(name: name, kind: "histogram", help: help) { text in
                for (labels, histogram) in histograms() { text.histogram(name, ExpositionText.labels(labels), histogram) }
            })
    }

    private func add(_ source: MetricSource) {
        sources.withLock { $0.append(source) }
    }

    // MARK: swift-metrics

    /// Says what the metrics of a name are about, whose factory takes no text.
    public func describe(_ name: String, _ help: String) {
        descriptions.withLock { $0[name] = help }
    }

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

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    // MARK: What Prometheus reads

    /// All metrics, one family after the other, families in order of name.
    public func exposition() -> String {
        let descriptions = descriptions.withLock { $0 }
        let handlers = Dictionary(grouping: metrics.withLock { $0 }, by: \.key.name).map { name, metrics in
            let sorted = metrics.sorted { $0.key.labels < $1.key.labels }
            return MetricSource(name: name, kind: sorted[0].value.kind, help: descriptions[name] ?? "") { text in
                for (key, metric) in sorted { metric.write(name: name, labels: key.labels, to: &text) }
            }
        }
        var text = ExpositionText()
        for source in (handlers + sources.withLock { $0 }).sorted(by: { $0.name < $1.name }) {
            text.begin(source.name, kind: source.kind, help: source.help)
            source.write(&text)
        }
        return text.text
    }

    private func find<Metric: PrometheusMetric>(
        _ label: String, _ dimensions: [(String, String)], make: () -> Metric
    ) -> Metric {
        let key = Key(name: ExpositionText.sanitized(label), labels: ExpositionText.labels(dimensions))
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
}

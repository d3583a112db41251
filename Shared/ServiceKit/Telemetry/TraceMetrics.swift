internal import Telemetry

extension PrometheusRegistry {
    /// What became of recorded spans.
    public func register(_ tracer: Tracer, _ exporter: TraceExporter) {
        register(.counter, "sallyport_trace_spans_total", "Recorded spans, by what became of them.") {
            let (queue, exporter) = (tracer.queue.counts, exporter.counts)
            return [
                MetricSample(Double(exporter.exported), [("outcome", "exported")]),
                MetricSample(Double(exporter.failed), [("outcome", "failed")]),
                MetricSample(Double(queue.dropped), [("outcome", "dropped")]),
            ]
        }
        observeGauge("sallyport_trace_spans_waiting", "Spans that wait for their export.") { Double(tracer.queue.counts.waiting) }
    }
}

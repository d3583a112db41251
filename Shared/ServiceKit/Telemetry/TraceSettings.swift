internal import Logging

/// Where traces go, if anywhere: `SALLYPORT_OTLP_ENDPOINT`, `SALLYPORT_OTLP_AUTHORIZATION` and `SALLYPORT_TRACE_RATIO`.
struct TraceSettings: Sendable {
    /// Such as `http://127.0.0.1:4318`; nil: nothing is traced.
    let endpoint: String?
    /// The value of `Authorization` that the collector asks for.
    let authorization: String?
    let ratio: Double

    init(_ settings: Settings) throws(SettingError) {
        endpoint = settings.optional("OTLP_ENDPOINT") == nil ? nil : try settings.baseURL("OTLP_ENDPOINT")
        let isAuthorized = settings.optional("OTLP_AUTHORIZATION") != nil || settings.optional("OTLP_AUTHORIZATION_FILE") != nil
        authorization =
            isAuthorized ? try settings.secret("OTLP_AUTHORIZATION", cure: "Name a file with the value of the header Authorization.") : nil
        ratio = try settings.fraction("TRACE_RATIO", default: 0.01)
    }

    /// Nil where nothing is traced.
    func tracing(service: String, logger: Logger) -> (tracer: Tracer, exporter: TraceExporter)? {
        guard let endpoint else { return nil }
        let tracer = Tracer(ratio: ratio)
        return (tracer, TraceExporter(tracer.queue, endpoint: endpoint, authorization: authorization, service: service, logger: logger))
    }
}

extension Settings {
    /// A number from 0 to 1.
    func fraction(_ name: String, default fallback: Double) throws(SettingError) -> Double {
        note(name, .fraction, default: "\(fallback)")
        guard let text = optional(name) else { return fallback }
        guard let value = Double(text), (0...1).contains(value) else {
            throw SettingError(
                variable: Self.variable(name), problem: "‘\(text.prefix(40))’ is not a number from 0 to 1",
                cure: "Leave it unset for \(fallback)."
            )
        }
        return value
    }
}

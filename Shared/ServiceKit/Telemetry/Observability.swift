public import Logging
public import ServiceLifecycle

/// What an operator may say about metrics and traces.
public struct ObservabilitySettings: Sendable {
    public let access: MetricsAccess
    /// As the service has been told: a fresh one for each service.
    public let tenants: TenantLabels
    let traces: TraceSettings

    public init(_ settings: Settings) throws(SettingError) {
        access = try MetricsAccess(settings)
        tenants = try TenantLabels(settings)
        traces = try TraceSettings(settings)
    }

    /// For the help of both programs.
    public static let help = """
          SALLYPORT_METRICS_FROM         addresses and networks whose own connections may read /metrics (default: 127.0.0.1,::1)
          SALLYPORT_METRICS_TENANTS      tenants with a label of their own in metrics, separated by commas, or how many get one as they
                                         come; the others share the label other (default: 50)
          SALLYPORT_OTLP_ENDPOINT        collector of traces, such as http://127.0.0.1:4318; unset: nothing is traced
          SALLYPORT_OTLP_AUTHORIZATION_FILE  file with the value of the header Authorization that the collector asks for
          SALLYPORT_OTLP_AUTHORIZATION   the same in the variable itself
          SALLYPORT_TRACE_RATIO          share of traces that is recorded, 0 to 1 (default: 0.01)
        """
}

/// A service's metrics and traces, put together.
public struct Observability: Sendable {
    public let registry = PrometheusRegistry()
    public let requests: RequestMetrics
    public let tenants: TenantLabels
    public let access: MetricsAccess
    /// Nil where nothing is traced.
    public let tracer: Tracer?
    /// What has to run for it: list it before whatever records.
    public let services: [any Service]

    /// - Parameter service: its name in metrics and traces.
    public init(_ settings: ObservabilitySettings, service: String, logger: Logger) {
        tenants = settings.tenants
        access = settings.access
        requests = RequestMetrics(registry, tenants: tenants)
        registry.registerProcess(service: service)
        let tracing = settings.traces.tracing(service: service, logger: logger)
        tracer = tracing?.tracer
        services = tracing.map { [$0.exporter] } ?? []
        if let tracing { registry.register(tracing.tracer, tracing.exporter) }
    }
}

public import Postgres

extension PrometheusRegistry {
    /// The pool: how large it is and may be, what is under way on it, what waits for it, and what the server has done.
    public func register(_ database: Postgres) {
        let configuration = database.configuration
        register(.gauge, "sallyport_database_connections", "Connections: open, of these busy and leased to a transaction; being opened.") {
            let statistics = database.statistics
            return [
                MetricSample(Double(statistics.open), [("state", "open")]), MetricSample(Double(statistics.busy), [("state", "busy")]),
                MetricSample(Double(statistics.leased), [("state", "leased")]),
                MetricSample(Double(statistics.connecting), [("state", "connecting")]),
            ]
        }
        observeGauge("sallyport_database_connections_limit", "Connections that may be open.") { Double(configuration.poolSize) }
        observeGauge("sallyport_database_connections_shared", "Connections that quick statements share at most, at the moment.") {
            Double(database.statistics.breadth)
        }
        observeGauge("sallyport_database_pipeline_depth", "Requests in flight on the connection that has most.") {
            Double(database.statistics.deepest)
        }
        observeGauge("sallyport_database_pipeline_depth_limit", "Requests that may be in flight on one connection.") {
            Double(configuration.maximumPipelineDepth)
        }
        observeGauge("sallyport_database_requests_in_flight", "Requests that are with the server.") { Double(database.statistics.inFlight) }
        observeGauge("sallyport_database_requests_waiting", "Requests that wait for a connection.") { Double(database.statistics.waiting) }
        observeGauge("sallyport_database_requests_waiting_limit", "Requests that may wait for a connection.") {
            Double(configuration.maximumQueueLength)
        }
        observeCounter("sallyport_database_requests_total", "Requests that the server has answered.") {
            Double(database.statistics.answered)
        }
        register(
            .counter, "sallyport_database_service_seconds_total", "Time that the server worked on requests, without the time they waited."
        ) {
            [MetricSample(Double(database.statistics.serviceNanoseconds) / 1e9)]
        }
    }
}

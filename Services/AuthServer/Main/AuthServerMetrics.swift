import Passwords
import Postgres
import ServiceKit

extension AuthServerParts {
    /// What is particular to this server: the database, password hashes, signing keys, what is recognized.
    func registerMetrics() {
        let registry = observability.registry
        registry.register(database)
        registerPasswords(registry)
        registry.observeGauge(
            "sallyport_signing_key_age_seconds", "Age of the oldest key that signs, of the tenants served since the start."
        ) {
            [keys] in keys.oldestAge.map(Double.init)
        }
        registry.registerCaches { [recognized] in [("recognized_requests", recognized.uses)] }
    }

    private func registerPasswords(_ registry: PrometheusRegistry) {
        registry.observeGauge("sallyport_password_hashes_running", "Password hashes being computed.") { [hasher] in
            Double(hasher.load.running)
        }
        registry.observeGauge("sallyport_password_hashes_running_limit", "Password hashes that may be computed at once.") { [hasher] in
            Double(hasher.load.runningLimit)
        }
        registry.observeGauge("sallyport_password_hashes_waiting", "Password hashes that wait for a thread.") { [hasher] in
            Double(hasher.load.waiting)
        }
        registry.observeGauge("sallyport_password_hashes_waiting_limit", "Password hashes that may wait; more are refused with 503.") {
            [hasher] in
            Double(hasher.load.waitingLimit)
        }
        registry.observeCounter("sallyport_password_hashes_refused_total", "Password hashes that were refused for want of room.") {
            [hasher] in
            Double(hasher.load.refused)
        }
    }
}

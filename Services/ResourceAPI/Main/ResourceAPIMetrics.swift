import Postgres
import ServiceKit

extension PrometheusRegistry {
    /// What is particular to the API: the database and its tenants' turns, verified tokens.
    func register(_ database: Postgres, _ shared: TenantDatabase, _ verified: VerifiedTokens) {
        register(database)
        register(.gauge, "sallyport_tenant_queue_running", "Statements under way, by lane.") {
            shared.load.map { MetricSample(Double($0.running), [("lane", $0.lane)]) }
        }
        register(.gauge, "sallyport_tenant_queue_waiting", "Statements that wait for their tenant's turn, by lane.") {
            shared.load.map { MetricSample(Double($0.waiting), [("lane", $0.lane)]) }
        }
        registerCaches { [("verified_tokens", verified.uses)] }
    }
}

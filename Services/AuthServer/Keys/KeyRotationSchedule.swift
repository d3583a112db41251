import Logging
import ServiceKit
import ServiceLifecycle
import Tenancy

/// Rotates signing keys by age (``TenantSettings/keyRotationDays``): looks once an hour, with one small statement where no tenant wants it.
struct KeyRotationSchedule: Service {
    let rotation: KeyRotation
    let tenants: TenantStore
    let logger: Logger
    var interval: Duration = .seconds(3600)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await rotate()
                try await Task.sleep(for: interval)
            }
        }
    }

    private func rotate() async {
        do {
            for tenant in try await rotation.rotateByAge(tenants: tenants) {
                logger.notice("signing key rotated by age", metadata: ["tenant": .string(tenant.rawValue)])
            }
        } catch {
            logger.error("signing keys cannot be rotated by age", metadata: ["error": .string("\(error)")])
        }
    }
}

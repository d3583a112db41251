import Logging
import OAuth
import Postgres
import ServiceLifecycle
import Tenancy

/// One announcement of `auth.announce_change()`: a row of a table changed in a tenant.
struct AuthChange: Sendable, Hashable {
    enum Table: String, Sendable {
        case tenant
        case role
        case client
        case clientSecret = "client_secret"
        case signingKey = "signing_key"
        case membership
    }

    let table: Table
    let tenant: TenantID
    let clientID: ClientID?

    init?(payload: String) {
        let words = payload.split(separator: " ")
        guard words.count >= 2, let table = Table(rawValue: String(words[0])), let tenant = TenantID(String(words[1])) else { return nil }
        self.table = table
        self.tenant = tenant
        clientID = words.count > 2 ? ClientID(String(words[2])) : nil
    }
}

/// Something that remembers rows and must forget them when they change.
protocol ChangeObserver: Sendable {
    func changed(_ change: AuthChange)
    func notificationsBegan()
    func notificationsStopped()
}

/// Carries the database's announcements to everything that remembers rows.
struct ChangeFeed: Service {
    static let channel = "sallyport_auth"

    let listener: PostgresListener
    let observers: [any ChangeObserver]
    let logger: Logger

    func run() async throws {
        for await event in listener.events.cancelOnGracefulShutdown() {
            switch event {
            case .connected:
                for observer in observers { observer.notificationsBegan() }
            case .disconnected:
                logger.warning("change announcements interrupted; remembered rows expire")
                for observer in observers { observer.notificationsStopped() }
            case .notification(_, let payload):
                deliver(payload)
            case .heartbeat: break
            }
        }
    }

    private func deliver(_ payload: String) {
        guard let change = AuthChange(payload: payload) else {
            // An announcement of a newer version: whatever it means, nothing remembered may outlive it.
            for observer in observers { observer.notificationsBegan() }
            return
        }
        for observer in observers { observer.changed(change) }
    }
}

import FoundationEssentials
import NIOCore
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// Gathers what the examinations look at.
struct DoctorVisit: Sendable {
    private static let maximumTenants = 20

    private let administration: Administration
    private let baseURL: String
    private let baseHost: String
    private let apiURL: String
    private let proxies: TrustedProxies
    private let vault: KeyVault?
    let settingHazards: [Hazard]

    init(_ administration: Administration) throws {
        let settings = administration.settings
        self.administration = administration
        baseURL = try settings.baseURL("BASE_URL")
        baseHost = URLComponents(string: baseURL)?.host?.lowercased() ?? ""
        apiURL = try settings.baseURL("API_URL", default: baseURL + "/api/v1")
        proxies = try TrustedProxies(settings.optional("TRUSTED_PROXIES") ?? "", variable: "SALLYPORT_TRUSTED_PROXIES")
        var hazards = Self.proxyHazards(proxies, isSet: settings.optional("TRUSTED_PROXIES") != nil)
        do {
            vault = try administration.keyVault()
        } catch {
            vault = nil
            hazards.append(
                Hazard(
                    severity: .error, check: "key", object: "the master key", problem: "cannot be used: \(error)",
                    cure: "set SALLYPORT_MASTER_KEY_FILE"))
        }
        settingHazards = hazards
    }

    /// Whose word about addresses and hosts is taken.
    static func proxyHazards(_ proxies: TrustedProxies, isSet: Bool) -> [Hazard] {
        func hazard(_ severity: Hazard.Severity, _ problem: String) -> Hazard {
            Hazard(
                severity: severity, check: "forwarded-header", object: "SALLYPORT_TRUSTED_PROXIES", problem: problem,
                cure: "give the gateway's own address, such as 127.0.0.1")
        }
        guard isSet else {
            return [
                hazard(.warning, "is not set: everybody seems to come from the gateway's address, and failed sign-ins of one count for all")
            ]
        }
        // Addresses of documentation (RFC 5737, RFC 3849) are nobody's gateway.
        let strangers = ["203.0.113.7", "198.51.100.7", "2001:db8::7"].compactMap { try? SocketAddress(ipAddress: $0, port: 0) }
        return strangers.contains { proxies.contains($0) } ? [hazard(.error, "lets anybody say where a request came from")] : []
    }

    /// Those that are named, or the first ones that are not disabled.
    func tenants(named names: [String]) async throws -> [Tenant] {
        guard names.isEmpty else {
            var tenants: [Tenant] = []
            for name in names { tenants.append(try await administration.tenant(name)) }
            return tenants
        }
        return Array(try await administration.tenants.all().filter { !$0.isDisabled }.prefix(Self.maximumTenants))
    }

    func keyHazards(_ tenants: [Tenant]) async throws -> [Hazard] {
        var hazards: [Hazard] = []
        for tenant in tenants {
            let keys = try await administration.keys.all(in: tenant.id)
            hazards += KeyExamination(tenant: tenant, keys: keys, now: WallClock.system.now).hazards(vault: vault)
        }
        return hazards
    }

    func clockHazards() async throws -> [Hazard] {
        let store = DoctorStore(database: administration.database)
        let before = Date().timeIntervalSince1970
        let theirs = try await store.clock()
        let after = Date().timeIntervalSince1970
        return ClockExamination.hazards(
            "PostgreSQL's clock", skew: theirs - (before + after) / 2, uncertainty: (after - before) / 2)
    }

    func gatewayHazards(_ tenants: [Tenant], authority: String?) async throws -> [Hazard] {
        var subjects: [GatewayExamination.Subject] = []
        for tenant in tenants { subjects.append(try await subject(tenant)) }
        // The one with a client that can be redirected to is looked at most closely.
        subjects.sort { ($0.redirect == nil ? 1 : 0) < ($1.redirect == nil ? 1 : 0) }
        let found = subjects
        let hazards = try await GatewayVisit.with(authority: authority) { ask in
            await GatewayExamination(baseURL: baseURL, baseHost: baseHost, apiURL: apiURL, ask: ask).hazards(found)
        }
        return hazards + (await certificateHazards())
    }

    private func certificateHazards() async -> [Hazard] {
        guard baseURL.hasPrefix("https:") else { return [] }
        let examination = CertificateExamination(host: baseHost, port: URLComponents(string: baseURL)?.port ?? 443)
        // Whether it can be reached at all has been told.
        guard let end = try? await examination.end() else { return [] }
        return examination.hazards(end: end, now: WallClock.system.now)
    }

    private func subject(_ tenant: Tenant) async throws -> GatewayExamination.Subject {
        let now = WallClock.system.now
        let issuer = Issuers(baseURL: baseURL).issuer(of: tenant.slug)
        let published = try await administration.keys.all(in: tenant.id).filter { $0.isPublished(at: now) }
        let client = try await administration.clients.page(in: tenant.id, after: nil, limit: 100).first {
            !$0.isDisabled && $0.grantTypes.contains(.authorizationCode) && !$0.redirectURIs.isEmpty
        }
        var redirect: String?
        if let client, let uri = client.redirectURIs.first {
            redirect =
                "\(issuer)/oauth2/authorize?response_type=code&prompt=none&code_challenge_method=S256&code_challenge=\(String(repeating: "A", count: 43))"
                + "&client_id=\(PercentCoding.encode(client.id.rawValue))&redirect_uri=\(PercentCoding.encode(uri.rawValue))"
        }
        return .init(tenant: tenant.slug, issuer: issuer, keyIDs: Set(published.map(\.keyID)), redirect: redirect)
    }
}

import FoundationEssentials
import JSON
import NIOHTTP1
import ServiceKit
import Tenancy

/// The way from outside: does the gateway answer where clients look, as they expect, and only there?
struct GatewayExamination: Sendable {
    struct Subject: Sendable {
        let tenant: TenantSlug
        let issuer: String
        /// Of the keys that should be published.
        let keyIDs: Set<String>
        /// A request that leads to a client's redirect URI and to nothing else: its URL without `state`; nil where the tenant has no such client.
        let redirect: String?
    }

    let baseURL: String
    let baseHost: String
    let apiURL: String
    let ask: GatewayVisit.Ask

    /// `state` may have 2048 bytes, each escaped in three.
    private static let longestState = String(repeating: "%26", count: 2048)

    func hazards(_ subjects: [Subject]) async -> [Hazard] {
        guard await isReachable else {
            return [
                hazard(
                    .error, "gateway", baseURL, "cannot be reached",
                    "start the gateway, and see that SALLYPORT_BASE_URL is the URL that people use")
            ]
        }
        var hazards = await root()
        for subject in subjects { hazards += await wellKnown(subject) }
        if let first = subjects.first {
            hazards += await headers(first)
            hazards += await forgery(first)
        }
        return hazards + (await inside())
    }

    private var isReachable: Bool {
        get async { (try? await ask(baseURL + "/.well-known/openid-configuration?doctor", [])) != nil }
    }

    // MARK: Documents

    /// The base URL without its path.
    private var origin: String {
        guard let scheme = baseURL.firstRange(of: "://"), let slash = baseURL[scheme.upperBound...].firstIndex(of: "/") else {
            return baseURL
        }
        return String(baseURL[..<slash])
    }

    private var apiPath: String { apiURL.hasPrefix(origin) ? String(apiURL.dropFirst(origin.count)) : "" }

    private func root() async -> [Hazard] {
        var hazards: [Hazard] = []
        for name in ["oauth-authorization-server", "openid-configuration"] {
            hazards += await document("\(baseURL)/.well-known/\(name)", member: "issuer", is: baseURL)
        }
        for suffix in Set(["", apiPath]).sorted() {
            hazards += await document("\(origin)/.well-known/oauth-protected-resource\(suffix)", member: "resource", is: apiURL)
        }
        return hazards
    }

    private func wellKnown(_ subject: Subject) async -> [Hazard] {
        var hazards: [Hazard] = []
        for name in ["oauth-authorization-server", "openid-configuration"] {
            hazards += await document("\(baseURL)/.well-known/\(name)/t/\(subject.tenant)", member: "issuer", is: subject.issuer)
            hazards += await document("\(subject.issuer)/.well-known/\(name)", member: "issuer", is: subject.issuer)
        }
        let named = [("X-Tenant-ID", subject.tenant.rawValue)]
        hazards += await document("\(baseURL)/.well-known/openid-configuration", named, member: "issuer", is: subject.issuer)
        hazards += await document(
            "\(origin)/.well-known/oauth-protected-resource/t/\(subject.tenant)\(apiPath)", member: "resource", is: apiURL)
        return hazards + (await keySet(subject))
    }

    private func document(_ url: String, _ headers: [(String, String)] = [], member: String, is expected: String) async -> [Hazard] {
        let how = headers.map { " with \($0.0): \($0.1)" }.joined()
        let answer: GatewayAnswer
        do {
            // With a query the gateway's cache is passed by.
            answer = try await ask(url + "?doctor", headers)
        } catch {
            return [hazard(.error, "discovery", url, "is not answered\(how): \(error)", "look into the gateway's log")]
        }
        guard answer.status == 200, let found = answer.member(member) else {
            return [
                hazard(
                    .error, "discovery", url,
                    "is answered\(how) with status \(answer.status)\(answer.status == 200 ? ", without \(member)" : "")",
                    "route it as nginx/site.conf does: clients look there")
            ]
        }
        guard found.utf8.elementsEqual(expected.utf8) else {
            return [
                hazard(
                    .error, "issuer", url, "says\(how) that \(member) is \(found.prefix(200)), and not \(expected)",
                    "set the same SALLYPORT_BASE_URL and SALLYPORT_API_URL for every instance of both services")
            ]
        }
        return []
    }

    private func keySet(_ subject: Subject) async -> [Hazard] {
        let url = "\(subject.issuer)/oauth2/jwks"
        guard let answer = try? await ask(url + "?doctor", []), answer.status == 200,
            let keys = answer.object?["keys"]?.arrayValue
        else { return [hazard(.error, "key", url, "is not answered with a key set", "look into auth-server's log")] }
        let published = Set(keys.compactMap { $0.objectValue?["kid"]?.stringValue })
        guard published != subject.keyIDs else { return [] }
        return [
            hazard(
                .error, "key", url, "has other keys than the database",
                "see that the gateway leads to instances on this database, and that their listening connections last (session pooling, not transaction pooling)"
            )
        ]
    }

    // MARK: Headers

    private func headers(_ subject: Subject) async -> [Hazard] {
        var hazards: [Hazard] = []
        let url = "\(subject.issuer)/oauth2/userinfo"
        let answer = try? await ask(url, [("Authorization", "Bearer " + String(repeating: "a", count: 8192))])
        if answer?.status != 401 {
            hazards.append(
                hazard(
                    .error, "header-size", url,
                    "is answered with status \(answer.map { "\($0.status)" } ?? "none") when the token has 8 KiB",
                    "in nginx: large_client_header_buffers 4 16k;"))
        }
        if let redirect = subject.redirect {
            let answer = try? await ask(redirect + "&state=" + Self.longestState, [])
            if answer?.status != 303 || answer?.headers.first(name: "Location")?.contains(Self.longestState) != true {
                hazards.append(
                    hazard(
                        .error, "header-size", "\(subject.issuer)/oauth2/authorize",
                        "is answered with status \(answer.map { "\($0.status)" } ?? "none") when the client's state is long",
                        "in nginx, where oauth2/authorize is: proxy_buffer_size 16k;"))
            }
        }
        guard baseURL.hasPrefix("https:") else { return hazards }
        if answer?.headers.first(name: "Strict-Transport-Security") == nil {
            hazards.append(
                hazard(
                    .warning, "transport", baseURL, "does not tell browsers to stay with TLS",
                    "in nginx: add_header Strict-Transport-Security \"max-age=31536000\" always;"))
        }
        if baseURL == "https://\(baseHost)", let plain = try? await ask("http://\(baseHost)/", []), !(300..<400).contains(plain.status) {
            hazards.append(
                hazard(.error, "transport", "http://\(baseHost)", "is answered with status \(plain.status)", "let plain HTTP only redirect")
            )
        }
        return hazards
    }

    /// Whoever asks says that another name was asked for: if that made a difference, the gateway would pass on what it is told.
    private func forgery(_ subject: Subject) async -> [Hazard] {
        let url = "\(baseURL)/.well-known/openid-configuration?doctor"
        guard let plain = try? await ask(url, []) else { return [] }
        let forged = "\(subject.tenant).\(baseHost)"
        for (name, value) in [("X-Forwarded-Host", forged), ("Forwarded", "host=\(forged)"), ("X_Tenant_ID", subject.tenant.rawValue)] {
            guard let answer = try? await ask(url, [(name, value)]), answer.body != plain.body else { continue }
            return [
                hazard(.error, "forwarded-header", name, "from outside is believed", "let the gateway replace it, as nginx/proxy.conf does")
            ]
        }
        return []
    }

    private func inside() async -> [Hazard] {
        var hazards: [Hazard] = []
        for path in ["/metrics", "/livez", "/readyz"] {
            if let answer = try? await ask(origin + path, []), answer.status == 200 {
                hazards.append(
                    hazard(.error, "inside", origin + path, "can be read from outside", "route only what nginx/site.conf routes"))
            }
        }
        return hazards
    }

    private func hazard(_ severity: Hazard.Severity, _ check: String, _ object: String, _ problem: String, _ cure: String) -> Hazard {
        Hazard(severity: severity, check: check, object: object, problem: problem, cure: cure)
    }
}

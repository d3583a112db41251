import HTTPTypes
import Hummingbird
import Testing

@testable import AuthServer

@Suite("Headers of pages") struct PagesPolicyTests {
    @Test("Every page is neither stored, framed, sniffed nor referred to, and runs nothing", arguments: PageSample.usual)
    func headers(_ sample: PageSample) {
        let headers = sample.page.response(headers: [.cacheControl: "public", .setCookie: "a=b"]).headers
        #expect(headers[.contentType] == "text/html; charset=utf-8")
        #expect(headers[.cacheControl] == "no-store")
        #expect(headers[.setCookie] == "a=b")
        #expect(headers[.xContentTypeOptions] == "nosniff")
        for (name, value) in [
            ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            #expect(HTTPField.Name(name).map { headers[values: $0] } == [value])
        }
        #expect(HTTPField.Name("Permissions-Policy").flatMap { headers[$0] }?.contains("camera=()") == true)
        let policy = headers[.contentSecurityPolicy] ?? ""
        #expect(policy.hasPrefix("default-src 'none'; style-src 'self'; img-src 'self'; "))
        #expect(policy.hasSuffix("; frame-ancestors 'none'; base-uri 'none'"))
        #expect(policy.contains("script-src") == (sample.page is FormPostPage))
        #expect(!policy.contains("unsafe"))
    }

    @Test(
        "A form may be answered by a redirect to where the client is, and on",
        arguments: [
            ("https://app.example/cb", "form-action 'self' https:;"),
            ("http://127.0.0.1:8765/cb", "form-action 'self' http://127.0.0.1:* http://localhost:* https:;"),
            ("http://[::1]:8765/cb", "form-action 'self' http: https:;"),
            ("com.example.app:/cb", "form-action 'self' com.example.app:;"),
            ("http://app.example/cb", "form-action 'self';"), ("javascript:alert(1)", "form-action 'self';"), ("", "form-action 'self';"),
        ]) func onward(_ uri: String, _ directive: String)
    {
        let page = SignInPage(brand: .standard, form: PageSample.form, clientName: nil)
        let policy = page.response(formTargets: FormTarget.onward(to: uri)).headers[.contentSecurityPolicy]
        #expect(policy?.contains(directive) == true)
    }

    @Test(
        "A target is written into the header as a source or not at all",
        arguments: [
            ("https://App.Example:8443/cb?x", "https://app.example:8443"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("http://localhost:1/", "http://localhost:1"), ("com.example.app:/x", "com.example.app:"),
            ("https://a.example;script-src *", nil),
            ("https://a.example 'unsafe-inline'", nil), ("https://*.example/", nil), ("https://user@a.example/", nil), ("https:///x", nil),
            ("https://a.example\r\nX: y", nil), ("https://b\u{fc}cher.example/", nil), ("javascript:x", nil), ("data:text/html,x", nil),
            ("//a.example", nil),
            ("com.example;x:/y", nil), ("*", nil), ("http://127.0.0.1.evil.example/", nil), ("https://[::1]/", nil),
        ] as [(String, String?)]) func target(_ uri: String, _ source: String?)
    {
        #expect(FormTarget(redirectURI: uri)?.source == source)
    }

    @Test(
        "Logos are loaded by https or from here, and allowed by host",
        arguments: [
            ("https://cdn.acme.example/logo.svg", "img-src 'self' https://cdn.acme.example;"), ("/t/acme/logo", "img-src 'self';"),
            ("javascript:alert(1)", nil), ("data:image/svg+xml,x", nil), ("http://cdn.acme.example/logo.svg", nil),
            ("http://127.0.0.1/logo.svg", nil), ("//cdn.example/x", nil), ("https://cdn.example/x\"onload=\"y", nil),
            ("https://cdn.example/x y", nil),
            ("com.example.app:/x", nil), ("logo.svg", nil), ("", nil), ("https://a.example;b/", nil), ("/\\evil.example", nil),
        ] as [(String, String?)]) func logo(_ url: String, _ directive: String?)
    {
        let brand = Brand(displayName: "Acme", logoURL: url)
        #expect((brand.logo != nil) == (directive != nil))
        let page = SignInPage(brand: brand, form: PageSample.form, clientName: nil)
        #expect(page.policy(formTargets: []).description.contains(directive ?? "img-src 'self';"))
        #expect(String(decoding: page.render(), as: UTF8.self).contains("<img") == (directive != nil))
    }

    @Test("Each tenant's logo is allowed where people choose among tenants") func logos() {
        let choices = ["https://b.example/l", "https://a.example/l", "https://a.example/m", "/l"].map {
            TenantChoicePage.Choice(id: $0, brand: Brand(displayName: $0, logoURL: $0))
        }
        let page = TenantChoicePage(
            brand: .standard, form: PageSample.form, clientName: nil, account: PageSample.account, choices: choices)
        #expect(page.policy(formTargets: []).description.contains("img-src 'self' https://a.example https://b.example;"))
    }

    @Test(
        "People are told in words where they go on to",
        arguments: [
            ("https://app.example:8443/cb", RedirectDestination.website("app.example:8443")), ("http://localhost:9/", .thisDevice),
            ("http://[::1]:9/", .thisDevice), ("com.example.app:/cb", .app(scheme: "com.example.app")), ("javascript:x", nil),
        ] as [(String, RedirectDestination?)]) func destination(_ uri: String, _ destination: RedirectDestination?)
    {
        #expect(RedirectDestination(redirectURI: uri) == destination)
    }
}

import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Testing

@testable import AuthServer

@Suite("Pages") struct PagesTests {
    static let deceptive = "\u{202E}\u{2066}\u{200F}\u{0}\u{1B}\u{FEFF}"

    @Test(
        "Nothing from outside becomes markup",
        arguments: [
            "<script>alert(1)</script>", "\"><script>alert(1)</script>", "' onmouseover='alert(1)", "\" autofocus onfocus=\"alert(1)",
            "</title></main><h1>", "<!--", "-->", "&lt;script&gt;", "javascript:alert(1)", "data:text/html,<script>", "red;}", "url(//x)",
            "#fff;}*{x", "{{x}}", "\\\"", deceptive, "\r\n<b>\r\n", "مرحبا", String(repeating: "x<", count: 5000),
            String(repeating: "e\u{301}", count: 5000), "a" + String(repeating: "\u{301}", count: 10_000),
        ])
    func escaping(_ text: String) {
        for (hostile, benign) in zip(PageSample.everywhere(text), PageSample.everywhere("benign")) {
            let html = hostile.html
            #expect(Markup.skeleton(html) == Markup.skeleton(benign.html), "\(hostile.name)")
            #expect(!html.contains("<script"), "\(hostile.name)")
            #expect(html.utf8.count < 200_000, "\(hostile.name)")
            let policy = hostile.page.policy(formTargets: FormTarget.onward(to: text)).description
            #expect(policy == benign.page.policy(formTargets: []).description, "\(hostile.name)")
        }
    }

    @Test("The skeleton that these tests compare sees what an attack would add") func skeleton() {
        let plain = Markup.skeleton("<p class=\"a\">x</p>")
        #expect(plain == ["p class", "/p"])
        for attack in ["<p class=\"a\" onclick=\"x\">x</p>", "<p class=\"a\"><b>x</p>", "<p class=\"a\"><!-- x</p>"] {
            #expect(Markup.skeleton(attack) != plain)
        }
        #expect(Markup.skeleton("<p class=\"other > b\">y</p>") == plain)
    }

    @Test("Characters that reverse or hide text are shown as what they are; values of forms keep them") func direction() {
        let text: HTML = "\("a\u{202E}b\u{0}c\td")"
        #expect(String(decoding: text.bytes, as: UTF8.self) == "a\u{FFFD}b\u{FFFD}c\td")
        let value: HTML = "\(exact: "a\u{202E}b\r\n\"'<>&")"
        #expect(String(decoding: value.bytes, as: UTF8.self) == "a\u{202E}b&#13;&#10;&quot;&#39;&lt;&gt;&amp;")
        #expect(PageSample.everywhere("x\u{202E}y").allSatisfy { $0.html.contains("<bdi>x\u{FFFD}y") })
    }

    @Test("Long names are cut and a long login_hint is dropped") func length() {
        let long = String(repeating: "é", count: 10_000)
        #expect(TextSafety.clipped(long, to: 10) == String(repeating: "é", count: 10) + "…")
        #expect(TextSafety.clipped("ten chars.", to: 10) == "ten chars.")
        #expect(TextSafety.clipped("a" + String(repeating: "\u{301}", count: 100), to: 10).utf8.count <= 43)
        let page = SignInPage(brand: .standard, form: PageSample.form, clientName: nil, username: long)
        #expect(page.username.isEmpty)
        #expect(SignInPage(brand: .standard, form: PageSample.form, clientName: nil, username: "a@b.example").username == "a@b.example")
    }

    @Test(
        "A page runs no script, has no inline style, one heading, unique ids, a label for each field and a token in each form",
        arguments: PageSample.usual)
    func form(_ sample: PageSample) {
        let html = sample.html
        let tags = Markup.tags(html)
        #expect(html.hasPrefix("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"))
        #expect(!html.contains(" style=") && !html.contains("<style") && !html.contains("javascript:"))
        #expect(tags.filter { $0.name == "h1" }.count == 1)
        #expect(tags.allSatisfy { tag in tag.attributes.keys.allSatisfy { !$0.hasPrefix("on") } })
        let ids = tags.compactMap { $0.attributes["id"] }
        #expect(Set(ids).count == ids.count)
        let labels = Set(tags.compactMap { $0.name == "label" ? $0.attributes["for"] : nil })
        for input in tags where input.name == "input" && input.attributes["type"] != "hidden" && input.attributes["aria-hidden"] == nil {
            #expect(input.attributes["id"].map(labels.contains) == true)
            for id in input.attributes["aria-describedby"]?.split(separator: " ") ?? [] { #expect(ids.contains(String(id))) }
        }
        #expect(tags.filter { $0.attributes["autofocus"] != nil }.count <= 1)
        guard !(sample.page is FormPostPage) else { return }
        #expect(tags.allSatisfy { $0.name != "script" })
        let forms = tags.filter { $0.name == "form" }
        #expect(forms.allSatisfy { $0.attributes["method"] == "post" && $0.attributes["action"] == PageSample.form.action })
        #expect(tags.filter { $0.attributes["name"] == "csrf_token" && $0.attributes["value"] == "csrf-value" }.count == forms.count)
        #expect(tags.filter { $0.attributes["name"] == "request" && $0.attributes["value"] == "request-value" }.count == forms.count)
    }

    @Test("A problem takes the focus, names the fields it concerns, and stands in the title") func problem() {
        let page = SignInPage(
            brand: PageSample.acme, form: PageSample.form, clientName: nil, username: "a@b.example", problem: .missingPassword)
        let tags = Markup.tags(String(decoding: page.render(), as: UTF8.self))
        let alert = tags.first { $0.attributes["role"] == "alert" }
        #expect(alert?.attributes["autofocus"] != nil && alert?.attributes["tabindex"] == "-1" && alert?.attributes["id"] == "problem")
        let inputs = tags.filter { $0.name == "input" && $0.attributes["type"] != "hidden" }
        #expect(inputs.map { $0.attributes["aria-invalid"] } == [nil, "true"])
        #expect(inputs.map { $0.attributes["aria-describedby"] } == [nil, "problem"])
        #expect(inputs.map { $0.attributes["autocomplete"] } == ["username", "current-password"])
        #expect(inputs.map { $0.attributes["value"] } == ["a@b.example", ""])
        #expect(String(decoding: page.render(), as: UTF8.self).contains("<title>Problem: Sign in – Acme Corporation</title>"))
    }

    @Test("The form of response_mode=form_post goes to the client only, as it must arrive, by the one script of the policy") func formPost()
        throws
    {
        let page = try #require(
            FormPostPage(
                brand: .standard, clientName: nil, redirectURI: "https://app.example:8443/cb?x=1&y=2",
                parameters: [("code", "c"), ("state", "\"><script>\u{202E}\n")]))
        let html = String(decoding: page.render(), as: UTF8.self)
        #expect(html.contains("action=\"https://app.example:8443/cb?x=1&amp;y=2\""))
        #expect(html.contains("name=\"state\" value=\"&quot;&gt;&lt;script&gt;\u{202E}&#10;\""))
        let script = try #require(html.split(separator: "<script>").last?.split(separator: "</script>").first)
        let hash = Data(Digest.sha256.hash(String(script))).base64EncodedString()
        #expect(
            page.response().headers[.contentSecurityPolicy]
                == "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'sha256-\(hash)'; form-action https://app.example:8443; frame-ancestors 'none'; base-uri 'none'"
        )
        for uri in ["com.example.app:/cb", "http://app.example/cb", "javascript:alert(1)", "/cb", ""] {
            #expect(FormPostPage(brand: .standard, clientName: nil, redirectURI: uri, parameters: []) == nil)
        }
    }

    @Test(
        "A secret is shown in groups of four", arguments: [("abcdefgh", "ABCD EFGH"), ("ab cd-ef", "ABCD EF"), ("", ""), ("abcd", "ABCD")])
    func secret(_ secret: String, _ shown: String) {
        #expect(SecondFactorEnrolmentPage.grouped(secret) == shown)
    }

    @Test(
        "A wait is never said too short",
        arguments: [
            (-1, "1 second"), (1, "1 second"), (99, "99 seconds"), (100, "2 minutes"), (120, "2 minutes"), (121, "3 minutes"),
            (86_400, "24 hours"),
        ]) func wait(_ seconds: Int, _ words: String)
    {
        #expect(Texts.duration(seconds: seconds) == words)
    }

    @Test(
        "Days of the calendar",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"), (1_798_761_599, "2026-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
            (.max, "9999-12-31T23:59:59Z"), (.min, "1970-01-01T00:00:00Z"),
        ]) func calendar(_ seconds: Int64, _ text: String)
    {
        #expect(CalendarTime(seconds).iso8601 == text)
    }
}

/// Just enough of HTML to see its structure.
enum Markup {
    struct Tag {
        let name: String
        let attributes: [String: String]
        let order: [String]
    }

    /// Names of tags and attributes in order, without values; focus aside, which moves with what is filled in.
    static func skeleton(_ html: String) -> [String] {
        tags(html).map { ([$0.name] + $0.order.filter { $0 != "autofocus" }).joined(separator: " ") }
    }

    static func tags(_ html: String) -> [Tag] {
        var tags: [Tag] = []
        let bytes = Array(html.utf8)
        var index = 0
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        while let start = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
            var end = start + 1
            var isQuoted = false
            while end < bytes.count, isQuoted || bytes[end] != UInt8(ascii: ">") {
                if bytes[end] == UInt8(ascii: "\"") { isQuoted.toggle() }
                end += 1
            }
            tags.append(tag(text(start + 1..<end)))
            index = min(end + 1, bytes.count)
        }
        return tags
    }

    private static func tag(_ source: String) -> Tag {
        var parts: [String] = [""]
        var isQuoted = false
        for scalar in source.unicodeScalars {
            if scalar == "\"" { isQuoted.toggle() }
            if scalar == " " && !isQuoted { parts.append("") } else { parts[parts.count - 1].unicodeScalars.append(scalar) }
        }
        var attributes: [String: String] = [:]
        var order: [String] = []
        for part in parts.dropFirst() where !part.isEmpty {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            order.append(String(pair[0]))
            attributes[String(pair[0])] = pair.count == 2 ? String(pair[1].dropFirst().dropLast()) : ""
        }
        return Tag(name: parts[0], attributes: attributes, order: order)
    }
}

import JSON
import Testing

@testable import ResourceAPI

@Suite("Prefer, RFC 7240") struct ParsePreferencesTests {
    @Test("is read from every field, and the first of two counts") func reading() throws {
        let preferences = try Preferences(["return=representation, count=exact", "return=minimal", "tx=rollback; x=y"])
        #expect(preferences.returning == .representation)
        #expect(preferences.count == .exact)
        #expect(preferences.rollsBack)
        #expect(!preferences.isStrict)
        #expect(preferences.given.map(\.string) == ["return=representation", "count=exact", "tx=rollback"])
    }

    @Test("may ask for everything at once") func all() throws {
        let text = [
            "resolution=merge-duplicates", "missing=default", "return=headers-only", "count=estimated", "tx=commit", "handling=strict",
            "timezone=America/Los_Angeles", "max-affected=10",
        ]
        let preferences = try Preferences([text.joined(separator: ",")])
        #expect(preferences.resolution == .mergeDuplicates)
        #expect(preferences.usesDefaults)
        #expect(preferences.returning == .headersOnly)
        #expect(preferences.count == .estimated)
        #expect(!preferences.rollsBack)
        #expect(preferences.isStrict)
        #expect(preferences.timeZone == ExactString("America/Los_Angeles"))
        #expect(preferences.maximumAffected == 10)
        #expect(preferences.given.map(\.string) == text)
        let other = try Preferences(["Resolution=ignore-duplicates,missing=null,count=planned,handling=lenient"])
        #expect(other.resolution == .ignoreDuplicates && !other.usesDefaults && other.count == .planned && !other.isStrict)
        #expect(other.given.count == 4)
    }

    @Test("counts max-affected under handling=strict only") func maximumAffected() throws {
        #expect(try Preferences(["max-affected=10"]) == Preferences())
        #expect(try Preferences(["max-affected=10, handling=strict"]).maximumAffected == 10)
        #expect(try Preferences(["max-affected=0, handling=strict"]).maximumAffected == 0)
    }

    @Test(
        "passes over what it does not know",
        arguments: [
            "", ",", ";", "=", "count=all", "return=", "return", "return = minimal", "return=Minimal", "respond-async", "max-affected=x",
            "timezone=",
            "tx=maybe", "missing=error", "params=single-object",
        ])
    func unknown(header: String) throws {
        #expect(try Preferences([header]) == Preferences())
        #expect(try Preferences([header, "return=minimal"]).returning == .minimal)
    }

    @Test(
        "refuses it under handling=strict, by name",
        arguments: [
            ("handling=strict, anything, count=all", "anything, count=all"),
            ("foo=bar, handling=strict", "foo=bar"),
            ("handling=strict, max-affected=-1", "max-affected=-1"),
            ("handling=strict, return=all, return=minimal", "return=all"),
        ])
    func strict(header: String, named: String) throws {
        let error = try #require(throws: APIError.self) { try Preferences([header]) }
        #expect(error.code == "PGRST122" && error.status == 400)
        #expect(error.message == "Invalid preferences given with handling=strict")
        #expect(error.details == "Invalid preferences: \(named)")
    }

    @Test("is not refused under a strictness that comes second") func lenientFirst() throws {
        #expect(try !Preferences(["handling=lenient, handling=strict, anything"]).isStrict)
    }
}

@Suite("Accept, RFC 9110 §12.5.1") struct ParseAcceptTests {
    @Test(
        "is met by the best format there is",
        arguments: [
            ([], .json(stripsNulls: false)),
            ([""], .json(stripsNulls: false)),
            (["*/*"], .json(stripsNulls: false)),
            (["application/json"], .json(stripsNulls: false)),
            (["APPLICATION/JSON; charset=utf-8"], .json(stripsNulls: false)),
            (["application/*"], .json(stripsNulls: false)),
            (["text/*"], .csv),
            (["text/csv"], .csv),
            (["text/csv, application/json"], .csv),
            (["application/json, text/csv"], .json(stripsNulls: false)),
            (["text/csv;q=0.5, application/json;q=0.8"], .json(stripsNulls: false)),
            (["text/csv;q=0.8", "application/json;q=0.5"], .csv),
            (["text/csv;q=0.001, image/png"], .csv),
            (["*/*, text/csv"], .csv),
            (["application/json;q=0, */*"], .csv),
            (["application/json;q=0.0, text/csv;q=0.1"], .csv),
            (["application/json;q=2, text/csv;q=0.1"], .csv),
            (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], .json(stripsNulls: false)),
            (["application/vnd.pgrst.object+json"], .object(stripsNulls: false)),
            (["application/vnd.pgrst.object"], .object(stripsNulls: false)),
            (["application/vnd.pgrst.object+json;nulls=stripped"], .object(stripsNulls: true)),
            (["application/vnd.pgrst.object+json; Nulls=\"stripped\" ; q=1.0"], .object(stripsNulls: true)),
            (["application/vnd.pgrst.object+json;nulls=kept"], .object(stripsNulls: false)),
            (["application/vnd.pgrst.array+json"], .json(stripsNulls: false)),
            (["application/vnd.pgrst.array+json;nulls=stripped"], .json(stripsNulls: true)),
            (["application/vnd.pgrst.object+json, application/json"], .object(stripsNulls: false)),
            (["application/geo+json, application/json;q=0.1"], .json(stripsNulls: false)),
        ] as [([String], AnswerFormat)])
    func formats(headers: [String], format: AnswerFormat) throws {
        for verb in [Verb.read, .head, .insert, .call] { #expect(try AnswerFormat.negotiated(headers, for: verb) == format) }
    }

    @Test("is met by text and bytes of functions only") func calls() throws {
        for verb in [Verb.call, .callReading, .callHead] {
            #expect(try AnswerFormat.negotiated(["text/plain"], for: verb) == .text)
            #expect(try AnswerFormat.negotiated(["application/octet-stream"], for: verb) == .binary)
        }
        for type in ["text/plain", "application/octet-stream"] {
            #expect(throws: APIError.self) { try AnswerFormat.negotiated([type], for: .read) }
        }
    }

    @Test(
        "is refused with 406 when nothing fits",
        arguments: [
            "application/geo+json", "application/vnd.pgrst.plan+json", "application/vnd.pgrst.plan+text; options=analyze", "text/html",
            "image/*",
            "application/json;q=0", "text/plain2", "application/jsonx", "*", "json", "*/json",
        ])
    func refusals(header: String) throws {
        let error = try #require(throws: APIError.self) { try AnswerFormat.negotiated([header], for: .read) }
        #expect(error.status == 406 && error.code == "PGRST107")
        #expect(error.message.hasPrefix("None of these media types are available: "))
        #expect((error.hint != nil) == (header.contains("geo") || header.contains("plan")))
    }
}

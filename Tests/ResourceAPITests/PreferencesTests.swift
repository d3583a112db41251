import Testing

@testable import ResourceAPI

@Suite("Prefer, RFC 7240") struct PreferencesTests {
    @Test("is read from every field, and the first of two counts") func reading() throws {
        let preferences = try Preferences(["return=representation, count=exact", "return=minimal", "tx=rollback; x=y"])
        #expect(preferences.returning == .representation)
        #expect(preferences.countsExactly)
        #expect(!preferences.isStrict)
    }

    @Test(
        "passes over what it does not know",
        arguments: ["", ",", ";", "=", "count=planned", "return=", "return = minimal", "respond-async"])
    func unknown(header: String) throws {
        #expect(try Preferences([header]) == Preferences())
    }

    @Test("refuses it under handling=strict") func strict() {
        let error = #expect(throws: APIError.self) { try Preferences(["handling=strict, resolution=merge-duplicates"]) }
        #expect(error?.code == "PGRST122")
    }
}

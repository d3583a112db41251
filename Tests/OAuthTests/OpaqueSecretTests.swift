import OAuth
import Testing

@Suite("Opaque secrets") struct OpaqueSecretTests {
    @Test("A generated secret is read back, and no two are alike") func roundTrip() throws {
        let secret = OpaqueSecret.generate(.clientSecret)
        let parsed = try #require(OpaqueSecret(parsing: secret.rawValue, as: .clientSecret))
        #expect(parsed.hash == secret.hash)
        #expect(parsed.hash.count == 32)
        #expect(OpaqueSecret.generate(.clientSecret).rawValue != secret.rawValue)
    }

    @Test("A secret with one character changed, added or left out is refused") func nearMisses() {
        let text = OpaqueSecret.generate(.clientSecret).rawValue
        let characters = Array(text)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(OpaqueSecret(parsing: String(changed), as: .clientSecret) == nil, "position \(index)")
        }
        #expect(OpaqueSecret(parsing: text + "A", as: .clientSecret) == nil)
        #expect(OpaqueSecret(parsing: String(text.dropLast()), as: .clientSecret) == nil)
        #expect(OpaqueSecret(parsing: "", as: .clientSecret) == nil)
    }
}

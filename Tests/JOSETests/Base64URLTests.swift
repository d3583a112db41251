import JOSE
import Testing

@Suite("Base64url, RFC 4648 §5") struct Base64URLTests {
    @Test(
        "encodes and decodes",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
        ])
    func vectors(text: String, encoded: String) throws {
        #expect(Base64URL.encode(Array(text.utf8)) == encoded)
        #expect(try Base64URL.decode(encoded) == Array(text.utf8))
        #expect(Base64URL.encodedCount(text.utf8.count) == encoded.count)
    }

    @Test("uses - and _") func alphabet() throws {
        #expect(Base64URL.encode([0xFB, 0xFF, 0xBF]) == "-_-_")
        #expect(try Base64URL.decode("-_-_") == [0xFB, 0xFF, 0xBF])
    }

    @Test("gives back bytes of every length") func roundTrip() throws {
        for count in 0..<300 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            #expect(try Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            var appended: [UInt8] = [1]
            Base64URL.encode(bytes, into: &appended)
            #expect(appended.count == 1 + Base64URL.encodedCount(count))
        }
    }

    @Test(
        "refuses padding, whitespace, the other alphabet, impossible lengths and bits that are not used",
        arguments: [
            "Zg==", "Zg=", "Zm8=", "Z", "Zm9vY", "=", "Zg ", " Zg", "Z g", "Zm9v\n", "\tZm9v", "Zm9+", "Zm9/", "Zm9.", "Zm9v\0", "Zh", "Zn",
            "Zm9", "Zm-", "Zé", "Zm9vZh", "A\u{FF21}",
        ])
    func refuses(text: String) {
        #expect(throws: JOSEError.self) { try Base64URL.decode(text) }
    }

    @Test("exactly one text stands for each byte") func canonical() {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var accepted = 0
        for first in alphabet {
            for second in alphabet where (try? Base64URL.decode("\(first)\(second)")) != nil { accepted += 1 }
        }
        #expect(accepted == 256)
    }
}

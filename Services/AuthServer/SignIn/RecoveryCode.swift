import Cryptography

/// A code on paper that stands in for an authenticator once: 80 random bits as sixteen letters and digits, written in groups of four.
struct RecoveryCode: Sendable {
    private static let characters = 16

    /// As it is shown: `abcd-efgh-ijkl-mnop`.
    let text: String

    /// SHA-256 of what was typed, in one form; the code has too many bits to be guessed from it.
    var hash: [UInt8] { SHA256.hash("recovery:" + text) }

    static func generate() -> RecoveryCode {
        RecoveryCode(letters: Array(Base32.encode(SecureRandom.bytes(10)).lowercased().utf8))
    }

    /// - Parameter text: in whatever case, with or without hyphens and spaces.
    /// - Returns: nil for what cannot be such a code.
    init?(parsing text: String) {
        let letters = text.lowercased().utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: " ") }
        guard letters.count == Self.characters, Base32.decode(String(decoding: letters, as: UTF8.self)) != nil else { return nil }
        self.init(letters: Array(letters))
    }

    private init(letters: [UInt8]) {
        let groups = stride(from: 0, to: letters.count, by: 4).map { letters[$0..<min($0 + 4, letters.count)] }
        text = groups.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }
}

/// Passwords that are guessed first: a list of words, and the patterns by which people stretch them.
enum CommonPasswords {
    /// Whether the password is a well-known word or two, dressed up with digits, signs and look-alike letters; one piece again and
    /// again; or a walk along the keyboard or the alphabet.
    static func contain(_ password: String) -> Bool {
        let lower = Array(password.lowercased().utf8)
        let compact = lower.filter { $0 != UInt8(ascii: " ") }
        return isRepetition(compact) || isWalk(compact) || isDressedUp(compact)
    }

    /// The whole is one piece of up to four bytes again and again, the last time perhaps cut short.
    static func isRepetition(_ text: [UInt8]) -> Bool {
        (1...4).contains { period in
            text.count >= 2 * period && text.indices.dropFirst(period).allSatisfy { text[$0] == text[$0 - period] }
        }
    }

    /// Nearly every byte is the neighbour of the one before it on a row of the keyboard or in the alphabet, forwards or backwards.
    static func isWalk(_ text: [UInt8]) -> Bool {
        guard text.count >= 6 else { return false }
        let jumps = zip(text, text.dropFirst()).count { !areNeighbours($0, $1) }
        // Four rows of four, or the digits twice, are still a walk; words have a jump at nearly every letter.
        return jumps * 4 <= text.count
    }

    private static func areNeighbours(_ a: UInt8, _ b: UInt8) -> Bool {
        if a == b { return true }
        return CommonWords.rows.contains { row in
            guard let first = row.firstIndex(of: a), let second = row.firstIndex(of: b) else { return false }
            return abs(first - second) == 1
        }
    }

    private static func isDressedUp(_ text: [UInt8]) -> Bool {
        let core = trimmed(text)
        return [core, letters(core), trimmed(letters(text)), letters(text), text].contains { core in
            core.count >= 3 && isMadeOfWords(core)
        }
    }

    /// With letters for the digits and signs that look like them.
    private static func letters(_ text: [UInt8]) -> [UInt8] { text.map { lookAlikes[$0] ?? $0 } }

    /// Without digits and signs at either end.
    private static func trimmed(_ text: [UInt8]) -> [UInt8] {
        guard let first = text.firstIndex(where: isLetter), let last = text.lastIndex(where: isLetter) else { return [] }
        return Array(text[first...last])
    }

    /// One word of the list, or two, with nothing but signs between them.
    private static func isMadeOfWords(_ text: [UInt8]) -> Bool {
        let words = CommonWords.all
        let bare = text.filter { isLetter($0) || (0x30...0x39).contains($0) }
        if words.contains(bare) { return true }
        guard bare.count >= 6 else { return false }
        return (3...(bare.count - 3)).contains { words.contains(Array(bare[..<$0])) && words.contains(Array(bare[$0...])) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || byte >= 0x80 }

    private static let lookAlikes: [UInt8: UInt8] = Dictionary(
        uniqueKeysWithValues: zip("0134578@$!".utf8, "oieastbasi".utf8).map { ($0, $1) })
}

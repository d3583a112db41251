/// What is taken for an e-mail address: as the column's constraint has it, and no longer.
enum EmailAddress {
    static let maximumBytes = 254

    /// One @ with something on either side, and no white space or control characters.
    static func isAcceptable(_ text: String) -> Bool {
        guard (3...maximumBytes).contains(text.utf8.count) else { return false }
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && text.unicodeScalars.allSatisfy { !$0.properties.isWhitespace && $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
    }
}

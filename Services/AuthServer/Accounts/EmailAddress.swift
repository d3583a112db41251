/// What is taken for an e-mail address: as the column's constraint has it, no longer, and with one way to fold its case.
enum EmailAddress {
    static let maximumBytes = 254

    /// One @ with something on either side, no white space or control characters, and no capitals beyond ASCII.
    ///
    /// Of the other letters only those are taken that no database's locale folds to anything else, nor anything else to them: then
    /// ``folded(_:)`` and PostgreSQL's `lower` agree on which addresses are the same.
    static func isAcceptable(_ text: String) -> Bool {
        guard (3...maximumBytes).contains(text.utf8.count) else { return false }
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && text.unicodeScalars.allSatisfy { !$0.properties.isWhitespace && $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
            && text.unicodeScalars.allSatisfy { $0.isASCII || isFolded($0) }
    }

    /// The address with the capitals of ASCII made small; whatever is compared or counted by address goes through this.
    static func folded(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Byte by byte: letters that merely look alike, or are composed differently, are not the same.
    static func areSame(_ left: String, _ right: String) -> Bool {
        folded(left).utf8.elementsEqual(folded(right).utf8)
    }

    /// `ı` and `ſ` are small, but their capitals are ASCII's.
    private static func isFolded(_ letter: Unicode.Scalar) -> Bool {
        guard !letter.properties.changesWhenLowercased else { return false }
        let capital = letter.properties.uppercaseMapping.unicodeScalars
        // More than one (`ß`, `SS`) is no capital that anything folds back.
        return capital.count > 1 || capital.allSatisfy { !$0.isASCII }
    }
}

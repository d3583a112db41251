/// The armour of RFC 7468: which block of a text holds the key that is wanted.
enum PEM {
    /// Longer texts hold no key that is accepted here.
    static let maximumBytes = 65_536

    static let privateLabels = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
    static let publicLabels = ["PUBLIC KEY", "RSA PUBLIC KEY"]

    /// The only block with one of the labels, with its armour.
    ///
    /// - Throws: `.invalidKey` that says what the text holds instead.
    static func block(_ labels: [String], in text: String, wanted: String) throws(CryptoError) -> String {
        guard text.utf8.count <= maximumBytes else { throw .invalidKey("a PEM text of more than \(maximumBytes) bytes") }
        var found: [String] = []
        var match: String?
        var open: (label: String, lines: [Substring])?
        for line in text.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
            let line = line.trimmingSpaces()
            if let label = line.label(after: "-----BEGIN ") {
                open = (label, [line])
            } else if let label = line.label(after: "-----END "), let block = open, block.label == label {
                found.append(label)
                let lines = block.lines + [line]
                if lines.contains(where: { $0.hasPrefix("Proc-Type:") && $0.contains("ENCRYPTED") }) { throw Self.encrypted }
                if labels.contains(label) {
                    guard match == nil else { throw .invalidKey("the PEM text holds more than one key") }
                    match = lines.joined(separator: "\n") + "\n"
                }
                open = nil
            } else {
                open?.lines.append(line)
            }
        }
        if let match { return match }
        if found.contains("ENCRYPTED PRIVATE KEY") { throw Self.encrypted }
        guard let other = found.first else { throw .invalidKey("the text holds no complete PEM block; a \(wanted) is needed") }
        throw .invalidKey("the PEM text holds a \(other.prefix(40)); a \(wanted) is needed")
    }

    private static let encrypted = CryptoError.invalidKey(
        "the PEM key is encrypted; decrypt it first, for example with `openssl pkey -in key.pem -out plain.pem`")
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    fileprivate func label(after prefix: String) -> String? {
        guard hasPrefix(prefix), hasSuffix("-----"), count >= prefix.count + 5 else { return nil }
        return String(dropFirst(prefix.count).dropLast(5))
    }
}

/// Markup. What is interpolated becomes text: it is escaped for element content and for quoted attribute values.
///
///     let greeting: HTML = "<p title=\"\(hint)\">Hello \(name)</p>"
///
/// `\(markup)` splices other ``HTML``. Characters that are invisible and change how the text around them reads (controls and
/// bidirectional overrides) are replaced by U+FFFD; `\(exact: value)` keeps them, for values that travel through a form and must
/// come back as they were. Attribute values are always written in double quotes. URLs are interpolated only from types that
/// were checked for their scheme: ``PageLink``, ``BrandLogo``.
struct HTML: Sendable, ExpressibleByStringInterpolation {
    /// UTF-8.
    private(set) var bytes: [UInt8]

    init(stringLiteral value: String) {
        bytes = Array(value.utf8)
    }

    init(stringInterpolation: StringInterpolation) {
        bytes = stringInterpolation.bytes
    }

    /// Inserts text as it is: for markup that this server's own code made, never for outside data.
    init(trustedMarkup markup: String) {
        bytes = Array(markup.utf8)
    }

    static let empty: HTML = ""

    /// The markup where the condition holds, else nothing.
    static func when(_ condition: Bool, _ markup: @autoclosure () -> HTML) -> HTML {
        condition ? markup() : .empty
    }

    static func each<Element>(_ elements: some Sequence<Element>, _ markup: (Element) -> HTML) -> HTML {
        elements.reduce(into: .empty) { $0.bytes += markup($1).bytes }
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity + 32 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: String) {
            bytes += literal.utf8
        }

        mutating func appendInterpolation(_ text: String) {
            for scalar in text.unicodeScalars {
                append(TextSafety.isDeceptive(scalar) ? "\u{FFFD}" : scalar)
            }
        }

        mutating func appendInterpolation(exact value: String) {
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\n": bytes += "&#10;".utf8
                case "\r": bytes += "&#13;".utf8
                default: append(scalar)
                }
            }
        }

        mutating func appendInterpolation(_ number: Int) {
            bytes += String(number).utf8
        }

        mutating func appendInterpolation(_ markup: HTML) {
            bytes += markup.bytes
        }

        private mutating func append(_ scalar: Unicode.Scalar) {
            switch scalar {
            case "&": bytes += "&amp;".utf8
            case "<": bytes += "&lt;".utf8
            case ">": bytes += "&gt;".utf8
            case "\"": bytes += "&quot;".utf8
            case "'": bytes += "&#39;".utf8
            default: bytes += UTF8.encode(scalar).map { Array($0) } ?? []
            }
        }
    }
}

/// What may not be shown as it is.
enum TextSafety {
    /// Control characters but tab and line ends, and the bidirectional embeddings, overrides and isolates (Unicode TR36 §2.4).
    static func isDeceptive(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0a, 0x0d: false
        case 0..<0x20, 0x7f...0x9f, 0x200e...0x200f, 0x202a...0x202e, 0x2066...0x2069, 0x061c, 0xfeff: true
        default: false
        }
    }

    /// At most `limit` characters and 4 × `limit` bytes, an ellipsis standing for the rest.
    static func clipped(_ text: String, to limit: Int) -> String {
        if text.utf8.count <= limit { return text }
        var result = ""
        for character in text.prefix(limit) {
            guard result.utf8.count + character.utf8.count <= 4 * limit else { return result + "…" }
            result.append(character)
        }
        return result.utf8.count < text.utf8.count ? result + "…" : result
    }
}

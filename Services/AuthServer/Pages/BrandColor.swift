import Glibc

/// An sRGB colour, and its contrast as WCAG 2.2 defines it.
struct BrandColor: Sendable, Hashable {
    let red, green, blue: UInt8

    init(red: UInt8, green: UInt8, blue: UInt8) {
        (self.red, self.green, self.blue) = (red, green, blue)
    }

    /// - Parameter text: `#rrggbb`, nothing else.
    init?(_ text: String) {
        guard text.utf8.first == UInt8(ascii: "#") else { return nil }
        self.init(hex: text.dropFirst())
    }

    /// - Parameter hex: six hexadecimal digits.
    init?(hex: some StringProtocol) {
        guard hex.utf8.count == 6, hex.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }), let value = UInt32(hex, radix: 16)
        else { return nil }
        self.init(red: UInt8(value >> 16), green: UInt8(value >> 8 & 0xff), blue: UInt8(value & 0xff))
    }

    static let white = BrandColor(red: 255, green: 255, blue: 255)
    static let ink = BrandColor(red: 16, green: 18, blue: 24)

    /// Six digits in lower case, without `#`.
    var hex: String {
        let digits = String(UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue), radix: 16)
        return String(repeating: "0", count: 6 - digits.utf8.count) + digits
    }

    /// 0 for black to 1 for white: <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>.
    var luminance: Double {
        0.2126 * Self.linear(red) + 0.7152 * Self.linear(green) + 0.0722 * Self.linear(blue)
    }

    /// 1 to 21: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
    func contrast(with other: BrandColor) -> Double {
        let (one, two) = (luminance, other.luminance)
        return (max(one, two) + 0.05) / (min(one, two) + 0.05)
    }

    /// White or almost black, whichever reads better on this colour: never below 4.5 to 1, since black gives at least 4.58 where white does not.
    var readableText: BrandColor {
        let black = BrandColor(red: 0, green: 0, blue: 0)
        if contrast(with: .white) >= 4.5 { return .white }
        return contrast(with: .ink) >= 4.5 ? .ink : black
    }

    /// - Parameter amount: 0 for this colour to 1 for the other.
    func mixed(with other: BrandColor, _ amount: Double) -> BrandColor {
        func mix(_ one: UInt8, _ two: UInt8) -> UInt8 {
            UInt8((Double(one) + (Double(two) - Double(one)) * min(max(amount, 0), 1)).rounded())
        }
        return BrandColor(red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }

    /// The nearest mixture with `pole` whose contrast with each of the surfaces is at least `ratio`; `pole` itself must have it.
    func adjusted(toward pole: BrandColor, contrast ratio: Double, on surfaces: [BrandColor]) -> BrandColor {
        for step in 0...50 {
            let color = mixed(with: pole, Double(step) / 50)
            if surfaces.allSatisfy({ color.contrast(with: $0) >= ratio }) { return color }
        }
        return pole
    }

    private static func linear(_ component: UInt8) -> Double {
        let value = Double(component) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
}

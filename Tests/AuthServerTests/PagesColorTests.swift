import Testing

@testable import AuthServer

@Suite("Colours of pages, WCAG 2.2") struct PagesColorTests {
    @Test(
        "Contrast as WCAG computes it",
        arguments: [
            ("#000000", "#ffffff", 21.0), ("#767676", "#ffffff", 4.54), ("#777777", "#ffffff", 4.48), ("#ff0000", "#ffffff", 4.0),
            ("#0000ff", "#ffffff", 8.59), ("#ffffff", "#ffffff", 1.0), ("#008000", "#ffff00", 4.78),
        ]) func contrast(_ one: String, _ two: String, _ ratio: Double) throws
    {
        let (one, two) = (try #require(BrandColor(one)), try #require(BrandColor(two)))
        #expect(abs(one.contrast(with: two) - ratio) < 0.01)
        #expect(one.contrast(with: two) == two.contrast(with: one))
    }

    @Test(
        "A colour is # and six digits, and anything else is the default",
        arguments: [
            "red", "#fff", "123456", "#12345g", "#1234567", "#12345", "#12345６", "##12345", "#+12345", "# 12345", "red;}", "#123456;}",
            "#-12345", "",
            "url(x)",
        ]) func invalid(_ text: String)
    {
        #expect(BrandColor(text) == nil)
        #expect(Brand(displayName: "x", color: text).color == Brand.defaultColor)
    }

    @Test("Digits of either case are read, and written in lower case") func digits() {
        #expect(BrandColor("#0aF00b")?.hex == "0af00b")
    }

    /// Every colour of a grid of 18³, corners and greys included.
    @Test("Whatever the colour, text and controls are readable in light and dark") func themes() {
        for red in stride(from: 0, through: 255, by: 15) {
            for green in stride(from: 0, through: 255, by: 15) {
                for blue in stride(from: 0, through: 255, by: 15) {
                    let color = BrandColor(red: UInt8(red), green: UInt8(green), blue: UInt8(blue))
                    let theme = Theme(color)
                    for (scheme, surfaces) in [(theme.light, Theme.lightSurfaces), (theme.dark, Theme.darkSurfaces)] {
                        let isReadable =
                            [scheme.accent, scheme.accentHover, scheme.accentActive].allSatisfy {
                                $0.contrast(with: scheme.onAccent) >= 4.5
                            }
                            && surfaces.allSatisfy { scheme.text.contrast(with: $0) >= 4.5 && scheme.line.contrast(with: $0) >= 3 }
                        if !isReadable { Issue.record("#\(color.hex)") }
                    }
                }
            }
        }
    }

    @Test("A colour that has enough contrast is left as it is") func unchanged() throws {
        let color = try #require(BrandColor("#3b49df"))
        #expect(Theme(color).light.text == color && Theme(color).light.line == color)
        #expect(Theme(color).dark.text != color)
    }

    @Test("The style sheet has the surfaces that colours are chosen for") func surfaces() {
        let style = String(decoding: Assets.style, as: UTF8.self)
        for surface in Theme.lightSurfaces + Theme.darkSurfaces { #expect(style.contains(": #\(surface.hex);"), "\(surface.hex)") }
    }

    @Test("The theme is its colours and nothing else") func styleSheet() {
        let sheet = Theme(BrandColor(red: 0, green: 0, blue: 0)).styleSheet
        #expect(sheet.hasPrefix(":root{--accent:#000000;--on-accent:#ffffff;"))
        #expect(sheet.contains("@media(prefers-color-scheme:dark){:root{--accent:#000000;"))
    }
}

/// The style sheet of a tenant's colour: whatever the colour, text and controls keep the contrasts of WCAG 2.2 AA, in light and in dark.
struct Theme: Sendable {
    struct Scheme: Sendable {
        /// The colour of buttons, and the text on it (1.4.3: 4.5 to 1).
        let accent, onAccent: BrandColor
        /// Under the pointer, and while pressed; no less readable.
        let accentHover, accentActive: BrandColor
        /// Focus rings and edges of buttons (1.4.11: 3 to 1 on every surface).
        let line: BrandColor
        /// Links and ticks (1.4.3: 4.5 to 1 on every surface).
        let text: BrandColor
    }

    /// Where the colour is shown: the card, and the page behind it. The style sheet has the same values.
    static let lightSurfaces = [BrandColor.white, BrandColor(red: 0xf4, green: 0xf5, blue: 0xf7)]
    static let darkSurfaces = [BrandColor(red: 0x17, green: 0x19, blue: 0x1f), BrandColor(red: 0x0c, green: 0x0d, blue: 0x11)]

    let light: Scheme
    let dark: Scheme

    init(_ color: BrandColor) {
        light = Self.scheme(color, on: Self.lightSurfaces, pole: BrandColor(red: 0, green: 0, blue: 0))
        dark = Self.scheme(color, on: Self.darkSurfaces, pole: .white)
    }

    private static func scheme(_ color: BrandColor, on surfaces: [BrandColor], pole: BrandColor) -> Scheme {
        let onAccent = color.readableText
        // Away from the text on it, so that the contrast only grows.
        let away = onAccent == .white ? BrandColor(red: 0, green: 0, blue: 0) : .white
        return Scheme(
            accent: color,
            onAccent: onAccent,
            accentHover: color.mixed(with: away, 0.14),
            accentActive: color.mixed(with: away, 0.26),
            line: color.adjusted(toward: pole, contrast: 3, on: surfaces),
            text: color.adjusted(toward: pole, contrast: 4.5, on: surfaces)
        )
    }

    var styleSheet: String {
        ":root{\(Self.variables(light))}@media(prefers-color-scheme:dark){:root{\(Self.variables(dark))}}\n"
    }

    private static func variables(_ scheme: Scheme) -> String {
        [
            ("accent", scheme.accent), ("on-accent", scheme.onAccent), ("accent-hover", scheme.accentHover),
            ("accent-active", scheme.accentActive), ("line", scheme.line), ("accent-text", scheme.text),
        ].map { "--\($0.0):#\($0.1.hex)" }.joined(separator: ";")
    }
}

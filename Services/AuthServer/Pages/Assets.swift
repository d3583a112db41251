import Cryptography
import FoundationEssentials
import JOSE

/// The files that pages refer to.
enum Assets {
    static let style = PackageResources.page_css
    /// Names the content: another content has another URL, so browsers keep it forever.
    static let styleHash = String(Base64URL.encode(Digest.sha256.hash(style)).prefix(16))
    static let stylePath = "/assets/\(styleHash).css"

    static func themePath(_ color: BrandColor) -> String { "/assets/theme/\(color.hex).css" }

    static func iconPath(_ color: BrandColor) -> String { "/assets/icon/\(color.hex).svg" }

    /// A gate in the colour: the icon of the browser's tab.
    static func icon(_ color: BrandColor) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#\(color.hex)"/>\
        <path d="M9 25V15a7 7 0 0 1 14 0v10M16 25v-9" fill="none" stroke="#\(color.readableText.hex)" stroke-width="3" \
        stroke-linecap="round"/></svg>

        """
    }
}

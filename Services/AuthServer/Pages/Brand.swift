import FoundationEssentials

/// What a tenant's pages look like. Values that are not valid fall back to the default, so that a page never fails for its looks.
struct Brand: Sendable {
    /// The tenant's name as its people know it.
    let displayName: String
    let color: BrandColor
    let logo: BrandLogo?

    /// - Parameters:
    ///   - color: `#rrggbb`.
    ///   - logoURL: `https://…` or a path on this server.
    init(displayName: String, color: String? = nil, logoURL: String? = nil) {
        self.displayName = displayName.isEmpty ? "Sallyport" : displayName
        self.color = color.flatMap { BrandColor($0) } ?? Self.defaultColor
        logo = logoURL.flatMap { BrandLogo($0) }
    }

    static let defaultColor = BrandColor(red: 0x3b, green: 0x49, blue: 0xdf)
    /// For pages that belong to no tenant.
    static let standard = Brand(displayName: "Sallyport")
}

/// Where a logo is loaded from.
struct BrandLogo: Sendable, Hashable {
    let url: String
    /// The source for `img-src` where the logo is on another host.
    let origin: String?

    /// - Parameter url: `https` with a host name, or an absolute path on this server; visible ASCII, at most 2000 bytes.
    init?(_ url: String) {
        guard let link = PageLink(url), !url.utf8.starts(with: "http:".utf8) else { return nil }
        self.url = link.url
        origin = link.origin
    }
}

/// A URL that a page may link to or load: `https`, `http` to this machine, or an absolute path on this server.
struct PageLink: Sendable, Hashable {
    let url: String
    /// `scheme://host[:port]`, nil for a path.
    let origin: String?

    init?(_ url: String) {
        guard (1...2000).contains(url.utf8.count), url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
            !url.utf8.contains(where: { "\\\"'<>`;,".utf8.contains($0) })
        else { return nil }
        if url.utf8.first == UInt8(ascii: "/") {
            guard !url.utf8.starts(with: "//".utf8) else { return nil }
            (self.url, origin) = (url, nil)
            return
        }
        guard let target = FormTarget(redirectURI: url), target.source.contains("://") else { return nil }
        (self.url, origin) = (url, target.source)
    }
}

/// The page's Content-Security-Policy (CSP 3): styles and images of this server, the tenant's logo, no script, no frame, forms to where they must go.
struct ContentPolicy: Sendable, CustomStringConvertible {
    enum Forms: Sendable {
        /// This server, and where its answer redirects to.
        case ownAnd([FormTarget])
        /// Only to the client: `response_mode=form_post`.
        case only(FormTarget)
        case none
    }

    let description: String

    /// - Parameter scriptHash: base64 of the SHA-256 of the one script that may run.
    init(brand: Brand, images: [BrandLogo] = [], forms: Forms, scriptHash: String? = nil) {
        var directives = ["default-src 'none'", "style-src 'self'"]
        let origins = Set(([brand.logo].compactMap { $0 } + images).compactMap(\.origin))
        directives.append((["img-src 'self'"] + origins.sorted()).joined(separator: " "))
        if let scriptHash {
            directives.append("script-src 'sha256-\(scriptHash)'")
        }
        switch forms {
        case .ownAnd(let targets): directives.append((["form-action 'self'"] + Set(targets.map(\.source)).sorted()).joined(separator: " "))
        case .only(let target): directives.append("form-action \(target.source)")
        case .none: directives.append("form-action 'none'")
        }
        directives += ["frame-ancestors 'none'", "base-uri 'none'"]
        description = directives.joined(separator: "; ")
    }
}

/// The pieces that pages are made of.
enum Parts {
    /// A name from outside: cut where it is unreasonably long, and kept from changing the direction of the text around it.
    static func name(_ text: String, limit: Int = 120) -> HTML {
        "<bdi>\(TextSafety.clipped(text, to: limit))</bdi>"
    }

    static func heading(_ title: String, _ subtitle: HTML = .empty) -> HTML {
        "<h1>\(title)</h1>\n\(HTML.when(!subtitle.bytes.isEmpty, "<p class=\"lead\">\(subtitle)</p>"))"
    }

    /// What went wrong, in one sentence; it takes the focus, and fields point to it.
    static func problem(_ text: String?) -> HTML {
        guard let text else { return .empty }
        return """
            <div class="alert" role="alert" id="\(Field.problemID)" tabindex="-1" autofocus>\(Icon.warning)<p>\(text)</p></div>
            """
    }

    static func notice(_ text: HTML) -> HTML {
        "<div class=\"notice\">\(Icon.info)<p>\(text)</p></div>"
    }

    static func caution(_ text: HTML) -> HTML {
        "<div class=\"notice caution\">\(Icon.warning)<p>\(text)</p></div>"
    }

    enum ButtonStyle: String {
        case primary, secondary, quiet, danger
    }

    /// - Parameter validates: whether the browser first checks that required fields are filled.
    static func button(_ action: PageAction, _ label: String, _ style: ButtonStyle, validates: Bool = true) -> HTML {
        """
        <button class="button \(style.rawValue)" type="submit" name="\(PageField.action)" value="\(action.rawValue)"\
        \(HTML.when(!validates, " formnovalidate"))>\(label)</button>
        """
    }

    static func link(_ link: PageLink, _ label: String, _ style: ButtonStyle) -> HTML {
        "<a class=\"button \(style.rawValue)\" href=\"\(exact: link.url)\">\(label)</a>"
    }

    /// The logo, or the first letter of the name on the colour. Decorative: the name always stands beside it.
    static func mark(_ brand: Brand, size: Int) -> HTML {
        if let logo = brand.logo {
            return """
                <img class="mark" src="\(exact: logo.url)" alt="" width="\(size)" height="\(size)" referrerpolicy="no-referrer">
                """
        }
        return monogram(brand.displayName, color: brand.color, size: size)
    }

    static func monogram(_ name: String, color: BrandColor, size: Int) -> HTML {
        let letter = name.first { $0.isLetter || $0.isNumber }.map { TextSafety.clipped($0.uppercased(), to: 2) } ?? "·"
        return """
            <svg class="mark" viewBox="0 0 40 40" width="\(size)" height="\(size)" aria-hidden="true" focusable="false">\
            <rect width="40" height="40" rx="10" fill="#\(color.hex)"/>\
            <text x="20" y="27" text-anchor="middle" font-size="20" font-weight="600" fill="#\(color.readableText.hex)">\(letter)</text></svg>
            """
    }

    /// The signed-in person.
    static func account(_ account: PageAccount) -> HTML {
        "<div class=\"account\">\(Icon.person)<span class=\"visually-hidden\">\(Texts.signedInAs) </span>\(identity(account))</div>"
    }

    /// - Parameter state: a further line.
    static func identity(_ account: PageAccount, state: String? = nil) -> HTML {
        let name = account.name ?? ""
        return """
            <span class="who"><span class="strong">\(Self.name(name.isEmpty ? account.email : name))</span>\
            \(HTML.when(!name.isEmpty, " <span class=\"muted\">\(Self.name(account.email))</span>"))\
            \(state.map { " <span class=\"muted\">\($0)</span>" } ?? .empty)</span>
            """
    }
}

/// A person as pages show them.
struct PageAccount: Sendable {
    /// Opaque; the value of the button that chooses the account.
    let id: String
    let name: String?
    let email: String

    init(id: String = "", name: String? = nil, email: String) {
        (self.id, self.name, self.email) = (id, name, email)
    }
}

/// A labelled input.
struct Field {
    static let problemID = "problem"
    static let longestUsername = 320

    let name: String
    let label: String
    var type = "text"
    var inputMode: String?
    let autocomplete: String
    var value = ""
    var hint: String?
    var isInvalid = false
    var isRequired = true
    var isReadOnly = false
    /// Where the page shows no problem, which would take the focus.
    var hasFocus = false
    /// Whether the page shows a problem that describes the field.
    var problem = false
    var minimumLength: Int?
    var maximumLength: Int?
    var style = ""

    var html: HTML {
        let hintID = "\(name)-hint"
        let describedBy = [hint == nil ? nil : hintID, problem && isInvalid ? Self.problemID : nil].compactMap { $0 }.joined(separator: " ")
        return """
            <div class="field">
            <label for="\(name)">\(label)</label>
            \(hint.map { "<p class=\"hint\" id=\"\(hintID)\">\($0)</p>" } ?? .empty)
            <input class="\(style)" id="\(name)" name="\(name)" type="\(type)" autocomplete="\(autocomplete)" value="\(exact: value)" \
            autocapitalize="none" autocorrect="off" spellcheck="false"\
            \(inputMode.map { " inputmode=\"\($0)\"" } ?? .empty)\
            \(minimumLength.map { " minlength=\"\($0)\"" } ?? .empty)\
            \(maximumLength.map { " maxlength=\"\($0)\"" } ?? .empty)\
            \(HTML.when(isRequired, " required"))\(HTML.when(isReadOnly, " readonly"))\(HTML.when(hasFocus, " autofocus"))\
            \(HTML.when(isInvalid, " aria-invalid=\"true\""))\
            \(HTML.when(!describedBy.isEmpty, " aria-describedby=\"\(describedBy)\""))>
            </div>
            """
    }
}

import Cryptography
import FoundationEssentials

/// `response_mode=form_post` (OAuth 2.0 Form Post Response Mode): the answer as a form to the client, sent by a script of one line, or by its button.
struct FormPostPage: Page {
    let brand: Brand
    let clientName: String?
    /// The registered redirect URI; `https`, or `http` to this machine.
    let redirectURI: String
    /// Names and values as the client must get them.
    let parameters: [(name: String, value: String)]
    private let target: FormTarget

    /// Nil where a form cannot be posted to the redirect URI.
    init?(brand: Brand, clientName: String?, redirectURI: String, parameters: [(name: String, value: String)]) {
        guard let target = FormTarget(redirectURI: redirectURI), target.source.utf8.starts(with: "http".utf8) else { return nil }
        (self.brand, self.clientName, self.redirectURI, self.parameters, self.target) = (brand, clientName, redirectURI, parameters, target)
    }

    var title: String { Texts.FormPost.title }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, forms: .only(target), scriptHash: Self.scriptHash)
    }

    private static let submission = "document.forms[0].submit()"
    private static let scriptHash = Data(Digest.sha256.hash(submission)).base64EncodedString()

    var script: HTML { "<script>\(HTML(trustedMarkup: Self.submission))</script>" }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.FormPost.lead(clientName)))
        <form method="post" action="\(exact: redirectURI)" accept-charset="utf-8">
        \(HTML.each(parameters) { "<input type=\"hidden\" name=\"\(exact: $0.name)\" value=\"\(exact: $0.value)\">\n" })
        <div class="actions"><button class="button primary" type="submit">\(Texts.proceed)</button></div>
        </form>
        """
    }
}

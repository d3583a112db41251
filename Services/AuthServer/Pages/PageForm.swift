/// What every form of a page carries along.
struct PageForm: Sendable {
    /// The absolute path that the form is posted to.
    let action: String
    let csrfToken: String
    /// The opaque value by which the server finds the interrupted authorization request again; nil where there is none.
    let request: String?

    init(action: String, csrfToken: String, request: String? = nil) {
        (self.action, self.csrfToken, self.request) = (action, csrfToken, request)
    }

    /// A form around `content`, with the hidden fields.
    func html(_ content: HTML, id: String = "form") -> HTML {
        """
        <form id="\(id)" method="post" action="\(exact: action)" accept-charset="utf-8">
        <input type="hidden" name="\(PageField.csrfToken)" value="\(exact: csrfToken)">\
        \(request.map { "<input type=\"hidden\" name=\"\(PageField.request)\" value=\"\(exact: $0)\">" } ?? .empty)
        \(content)
        </form>
        """
    }
}

/// The names of the fields in the pages' forms.
enum PageField {
    static let csrfToken = "csrf_token"
    static let request = "request"
    static let username = "username"
    static let password = "password"
    static let newPassword = "new_password"
    static let repeatedPassword = "repeated_password"
    /// A six-digit code, or a recovery code.
    static let code = "code"
    /// The button that was pressed, where a form has several: one of ``PageAction``.
    static let action = "action"
    /// ``AccountChoicePage``: the id of the chosen account.
    static let account = "account"
    /// ``TenantChoicePage``: the id of the chosen tenant.
    static let tenant = "tenant"
    /// ``SessionsPage``: the id of the session to end.
    static let session = "session"
    /// ``ApplicationsPage``: the client whose consent is withdrawn.
    static let application = "application"
}

/// The values of the field `action`. A form submitted by the Enter key sends its first button's.
enum PageAction: String, Sendable, CaseIterable {
    case signIn = "sign_in"
    case cancel
    case useAnotherAccount = "use_another_account"
    case allow, deny
    case signOut = "sign_out"
    case stay
    case signOutOthers = "sign_out_others"
    case signOutEverywhere = "sign_out_everywhere"
    case save
    case verify
    case useRecoveryCode = "use_recovery_code"
    case useAuthenticator = "use_authenticator"
    case resume = "continue"
}

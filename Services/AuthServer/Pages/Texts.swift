/// Every word of the pages, in one place. English for now, whatever `ui_locales` asks for: a second language becomes a second table like this one.
///
/// What a person named is interpolated by `Parts.name`, which keeps its direction to itself.
enum Texts {
    static let language = "en"
    static let problemTitle = "Problem: "
    static let proceed = "Continue"
    static let cancel = "Cancel"
    static let signedInAs = "Signed in as"
    static let expired = "This page was open for too long, so nothing was sent. Please try again."
    static let busy = "The server is busy at the moment. Please try again in a few seconds."

    static func returnTo(_ clientName: String?) -> String {
        clientName.map { "Return to \(TextSafety.clipped($0, to: 60))" } ?? "Return to the application"
    }

    /// “12 seconds”, “2 minutes”: rounded up, so that waiting that long is enough.
    static func duration(seconds: Int) -> String {
        func count(_ number: Int, _ unit: String) -> String { "\(number) \(unit)\(number == 1 ? "" : "s")" }
        if seconds < 100 { return count(max(seconds, 1), "second") }
        let minutes = seconds / 60 + (seconds % 60 == 0 ? 0 : 1)
        return minutes < 100 ? count(minutes, "minute") : count(minutes / 60 + (minutes % 60 == 0 ? 0 : 1), "hour")
    }

    static func ago(seconds: Int64) -> String {
        func count(_ number: Int64, _ unit: String) -> String { "\(number) \(unit)\(number == 1 ? "" : "s") ago" }
        switch seconds {
        case ..<60: return "just now"
        case ..<3600: return count(seconds / 60, "minute")
        case ..<86_400: return count(seconds / 3600, "hour")
        default: return count(seconds / 86_400, "day")
        }
    }

    static func date(_ time: CalendarTime) -> String {
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
        ]
        return "\(time.day) \(months[time.month - 1]) \(time.year)"
    }

    enum SignIn {
        static let title = "Sign in"
        static let username = "Email address"
        static let password = "Password"
        static let button = "Sign in"
        static let again: HTML = "For your security, please enter your password again."
        static let wrongCredentials = "That email address and password do not match. Check both and try again."
        static let missingUsername = "Enter your email address."
        static let missingPassword = "Enter your password."

        static func toContinue(_ client: String) -> HTML { "to continue to <strong>\(Parts.name(client))</strong>" }
        static func toTenant(_ tenant: String) -> HTML { "to your <strong>\(Parts.name(tenant))</strong> account" }
        static func throttled(seconds: Int) -> String {
            "There were too many attempts. Wait \(duration(seconds: seconds)), then try again."
        }
    }

    enum AccountChoice {
        static let title = "Choose an account"
        static let another = "Use another account"
        static let signedOut = "Signed out"
    }

    enum TenantChoice {
        static let title = "Choose an organization"
    }

    enum Consent {
        static let title = "Allow access?"
        static let willBeAble = "It will be able to"
        static let allow = "Allow"
        static let deny = "Deny"
        static let details = "Technical details"
        static let clientID = "Client"
        static let redirectURI = "Redirect URI"
        static let scopes = "Scopes"

        static func asks(_ client: String, _ tenant: String) -> HTML {
            "<strong>\(Parts.name(client))</strong> asks for access to your <strong>\(Parts.name(tenant))</strong> account."
        }
        static func unverified(_ tenant: String) -> HTML {
            "This application is not run by \(Parts.name(tenant)) and was not verified. Allow it only if you know it and trust it."
        }
        static func destination(_ destination: RedirectDestination?) -> HTML {
            switch destination {
            case .website(let host): "You will then go on to <strong>\(Parts.name(host, limit: 253))</strong>."
            case .thisDevice: "You will then go on to a program that runs <strong>on this device</strong>."
            case .app(let scheme): "You will then go on to the app <strong>\(Parts.name(scheme))</strong> on this device."
            case nil: "You will then go back to the application."
            }
        }
    }

    enum Scopes {
        static let standard = [
            "openid": "Know who you are",
            "profile": "See your name and profile",
            "email": "See your email address",
            "phone": "See your phone number",
            "address": "See your postal address",
            "groups": "See the groups you belong to",
            "roles": "See your roles",
            "offline_access": "Keep this access while you are away, until you withdraw it",
        ]
        static let readAll: HTML = "Read all data that you can read"
        static let writeAll: HTML = "Add and change all data that you can change"
        static let deleteAll: HTML = "Delete any data that you can delete"
        static let executeAll: HTML = "Run every function that you can run"
        static let everything: HTML = "Do everything that you can do: read, change and delete all data"

        static func read(_ table: String) -> HTML { "Read \(thing(table))" }
        static func write(_ table: String) -> HTML { "Add and change \(thing(table))" }
        static func delete(_ table: String) -> HTML { "Delete \(thing(table))" }
        static func execute(_ function: String) -> HTML { "Run the function \(thing(function))" }
        static func everythingOf(_ table: String) -> HTML { "Read, add, change and delete \(thing(table))" }
        static func administer(_ area: String?) -> HTML {
            area.map { "Administer \(thing($0)) on your behalf" } ?? "Administer the whole organization on your behalf"
        }
        static func other(_ scope: String) -> HTML { "Use the permission <code>\(Parts.name(scope, limit: 128))</code>" }

        /// `order_items` reads as “order items”.
        private static func thing(_ name: String) -> HTML {
            "<strong>\(Parts.name(String(name.map { $0 == "_" ? " " : $0 }), limit: 128))</strong>"
        }
    }

    enum SignOut {
        static let title = "Sign out?"
        static let button = "Sign out"
        static let stay = "Stay signed in"
        static let doneTitle = "You are signed out"

        static func asked(_ client: String, _ tenant: String) -> HTML {
            "<strong>\(Parts.name(client))</strong> asks to sign you out of <strong>\(Parts.name(tenant))</strong> in this browser."
        }
        static func ends(_ tenant: String) -> HTML {
            "This ends your session at <strong>\(Parts.name(tenant))</strong> in this browser."
        }
        static func done(_ tenant: String) -> HTML {
            "Your session at <strong>\(Parts.name(tenant))</strong> has ended. On a shared computer, close the browser too."
        }
    }

    enum FormPost {
        static let title = "One moment"
        static func lead(_ client: String?) -> HTML {
            client.map { "You are going back to <strong>\(Parts.name($0))</strong>. If nothing happens, continue yourself." }
                ?? "You are going back to the application. If nothing happens, continue yourself."
        }
    }

    enum SecondFactor {
        static let code = "Six-digit code"
        static let recoveryCode = "Recovery code"
        static let button = "Verify"
        static let useRecoveryCode = "Use a recovery code instead"
        static let useAuthenticator = "Use the authenticator app instead"

        static func title(_ method: SecondFactorPage.Method) -> String {
            method == .authenticator ? "Enter your code" : "Enter a recovery code"
        }
        static func lead(_ method: SecondFactorPage.Method) -> HTML {
            method == .authenticator
                ? "Open your authenticator app and enter the code that it shows." : "Each of your recovery codes works once."
        }
        static func problem(_ problem: SecondFactorPage.Problem, _ method: SecondFactorPage.Method) -> String {
            switch problem {
            case .wrongCode where method == .authenticator:
                "That code is not right. Codes change every 30 seconds: enter the one shown now."
            case .wrongCode: "That recovery code is not right or was used before. Try another one."
            case .throttled(let seconds): SignIn.throttled(seconds: seconds)
            case .expired: expired
            case .busy: busy
            }
        }
    }

    enum Enrolment {
        static let title = "Set up two-step sign-in"
        static let scan: HTML = "Scan this code with an authenticator app on your phone."
        static let qrCode = "QR code with the key below"
        static let byHand: HTML = "Or enter this key by hand:"
        static let confirm: HTML = "Enter the code that the app shows now."
        static let button = "Turn on"
        static let later = "Not now"

        static func lead(_ tenant: String) -> HTML {
            "Besides your password, <strong>\(Parts.name(tenant))</strong> will ask for a code from your phone."
        }
        static func problem(_ problem: SecondFactorEnrolmentPage.Problem) -> String {
            switch problem {
            case .wrongCode: "That code is not right. Check that the time on your phone is correct, then enter the code shown now."
            case .expired: expired
            case .busy: busy
            }
        }
    }

    enum Recovery {
        static let title = "Save your recovery codes"
        static let lead: HTML = "If you lose your phone, each of these codes lets you in once."
        static let once: HTML = "They are shown only now. Keep them in a password manager or on paper."
        static let button = "I have saved them"
    }

    enum Sessions {
        static let title = "Where you are signed in"
        static let unknownDevice = "Unknown device"
        static let current = "This browser"
        static let lastSeen = "last seen"
        static let since = "Signed in on"
        static let end = "Sign out"
        static let others = "Sign out everywhere else"
        static let everywhere = "Sign out everywhere"

        static func lead(_ tenant: String) -> HTML {
            "Browsers with a session at <strong>\(Parts.name(tenant))</strong>. If you do not recognize one, sign it out and change your password."
        }
        static func notice(_ notice: SessionsPage.Notice) -> HTML {
            switch notice {
            case .endedOne: "That session has ended."
            case .endedOthers: "All other sessions have ended."
            }
        }
    }

    enum Applications {
        static let title = "Applications with access"
        static let none: HTML = "You have allowed no application anything."
        static let since = "Allowed on"
        static let withdraw = "Withdraw"

        static func lead(_ tenant: String) -> HTML {
            "What you have allowed applications to do with your <strong>\(Parts.name(tenant))</strong> account. An application that has lost access must ask you again."
        }
        static func notice(_ notice: ApplicationsPage.Notice) -> HTML {
            switch notice {
            case .withdrawn: "That application has no access any more."
            }
        }
    }
}

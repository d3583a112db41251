import Testing

@testable import AuthServer

/// Every page in every state that looks different, once with what is usual and once with any text in every place.
struct PageSample: Sendable, CustomTestStringConvertible {
    let name: String
    let page: any Page

    var testDescription: String { name }
    var html: String { String(decoding: page.render(), as: UTF8.self) }

    static let acme = Brand(displayName: "Acme Corporation")
    static let globex = Brand(displayName: "Globex", color: "#ffc400")
    static let initech = Brand(displayName: "Initech", color: "#0b6b4f")
    static let umbrella = Brand(displayName: "Umbrella", color: "#000000")
    static let form = PageForm(action: "/t/acme/oauth2/authorize", csrfToken: "csrf-value", request: "request-value")
    static let account = PageAccount(id: "1", name: "Grace Hopper", email: "grace.hopper@acme.example")

    static var usual: [PageSample] { signIn + choices + consents + ends + passwords + factors + sessions }

    static let signIn: [PageSample] = [
        PageSample(name: "sign-in", page: SignInPage(brand: acme, form: form, clientName: "Acme Dashboard")),
        PageSample(
            name: "sign-in-wrong",
            page: SignInPage(
                brand: globex, form: form, clientName: "Globex Portal", username: "grace.hopper@globex.example", problem: .wrongCredentials,
                offersCancel: true)
        ),
        PageSample(
            name: "sign-in-throttled",
            page: SignInPage(brand: umbrella, form: form, clientName: nil, username: "grace@example.com", problem: .throttled(seconds: 45))
        ),
        PageSample(
            name: "sign-in-again",
            page: SignInPage(brand: initech, form: form, clientName: "Reports", username: "grace@example.com", isReauthentication: true)
        ),
    ]

    static let choices: [PageSample] = [
        PageSample(
            name: "account-choice",
            page: AccountChoicePage(
                brand: acme, form: form, clientName: "Acme Dashboard",
                choices: [
                    .init(account: account),
                    .init(account: PageAccount(id: "2", name: "Grace at Home", email: "grace@example.com")),
                    .init(account: PageAccount(id: "3", email: "support@acme.example"), isSignedIn: false),
                ])
        ),
        PageSample(
            name: "tenant-choice",
            page: TenantChoicePage(
                brand: .standard, form: form, clientName: "Time Tracker", account: PageAccount(email: "consultant@example.com"),
                choices: [
                    .init(id: "a", brand: acme, role: "Manager"), .init(id: "g", brand: globex, role: "Read only"),
                    .init(id: "i", brand: initech),
                ])
        ),
    ]

    static let consents: [PageSample] = [
        PageSample(
            name: "consent",
            page: ConsentPage(
                brand: acme, form: form,
                client: .init(
                    id: "dashboard", name: "Acme Dashboard", redirectURI: "https://dashboard.acme.example/callback", isVerified: true),
                account: account, scopes: ["openid", "profile", "email", "customers:read", "order_items:write"])
        ),
        PageSample(
            name: "consent-third-party",
            page: ConsentPage(
                brand: initech, form: form,
                client: .init(
                    id: "b7c1e6f0-31c5-4d4e-9d55-2f1f2a0a9c11", name: "Spreadsheet Sync", redirectURI: "http://127.0.0.1:8765/callback",
                    isVerified: false),
                account: account,
                scopes: [
                    "openid", "offline_access", "*:read", "customers:delete", "orders:*", "admin:users", "monthly_report:execute",
                    "vendor.scope",
                ])
        ),
        PageSample(
            name: "form-post",
            page: FormPostPage(
                brand: acme, clientName: "Acme Dashboard", redirectURI: "https://dashboard.acme.example/callback",
                parameters: [("code", "abc"), ("state", "a\"b<c>&d\r\ne"), ("iss", "https://id.example/t/acme")])
                ?? ErrorPage(
                    .failure, code: "", requestID: "")
        ),
    ]

    static let ends: [PageSample] = [
        PageSample(name: "sign-out", page: SignOutPage(brand: acme, form: form, account: account, clientName: "Acme Dashboard")),
        PageSample(
            name: "signed-out",
            page: SignedOutPage(brand: acme, returnLink: PageLink("https://dashboard.acme.example/"), clientName: "Acme Dashboard")
        ),
        PageSample(
            name: "error",
            page: ErrorPage(.redirectURI, brand: acme, code: "invalid_request", requestID: "4f1d7c2a90b34e6d8a51c0ffee129b7a")
        ),
        PageSample(
            name: "error-forbidden",
            page: ErrorPage(
                .forbidden, brand: globex, code: "access_denied", requestID: "4f1d7c2a90b34e6d", returnLink: PageLink("/t/globex/"),
                clientName: "Globex Portal")
        ),
    ]

    static let passwords: [PageSample] = [
        PageSample(
            name: "password-invitation",
            page: PasswordSetPage(brand: acme, form: form, reason: .invitation, account: account, minimumLength: 12)
        ),
        PageSample(
            name: "password-change",
            page: PasswordSetPage(
                brand: globex, form: form, reason: .changeRequired, account: account, minimumLength: 12, asksCurrentPassword: true,
                problem: .breached)
        ),
    ]

    static let factors: [PageSample] = [
        PageSample(name: "second-factor", page: SecondFactorPage(brand: acme, form: form, account: account)),
        PageSample(
            name: "second-factor-recovery",
            page: SecondFactorPage(brand: acme, form: form, account: account, method: .recoveryCode, problem: .wrongCode)
        ),
        PageSample(
            name: "second-factor-enrolment",
            page: SecondFactorEnrolmentPage(
                brand: acme, form: form, account: account, qrCode: qrCode, secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", isRequired: false)
        ),
        PageSample(
            name: "recovery-codes",
            page: RecoveryCodesPage(
                brand: acme, form: form,
                codes: [
                    "k7mq-2wzt-9rfa", "p3xd-8vhn-4jcy", "t6gb-1qse-7ulm", "w9ra-5kzf-2hpd", "c4nj-6txv-8mqg", "y2lw-3hbs-5rzk",
                    "f8ud-7pcm-1xta",
                    "z5ve-9gqj-6nwh",
                ])
        ),
    ]

    static let sessions: [PageSample] = [
        PageSample(
            name: "sessions",
            page: SessionsPage(
                brand: acme, form: form, account: account,
                sessions: [
                    .init(
                        id: "s1", device: "Chrome on macOS", address: "203.0.113.24", signedInAt: 1_793_000_000, lastSeenAt: 1_793_500_000,
                        isCurrent: true),
                    .init(
                        id: "s2", device: "Safari on iPhone", address: "198.51.100.7", signedInAt: 1_792_400_000, lastSeenAt: 1_793_496_000),
                    .init(
                        id: "s3", device: "", address: "2001:db8:85a3::8a2e:370:7334", signedInAt: 1_790_000_000, lastSeenAt: 1_793_100_000),
                ],
                now: 1_793_500_030, notice: .endedOne, applications: PageLink("/t/acme/applications"))
        ),
        PageSample(
            name: "applications",
            page: ApplicationsPage(
                brand: acme, form: form, account: account,
                applications: [
                    .init(
                        id: "acme b7c1", name: "Spreadsheet Sync",
                        scopes: ["openid", "offline_access", "*:read", "customers:delete"], allowedAt: 1_793_000_000),
                    .init(id: "acme 17aa", name: "Reports", scopes: ["openid", "orders:read"], allowedAt: 1_790_000_000),
                ],
                notice: .withdrawn, sessions: PageLink("/t/acme/sessions"))
        ),
        PageSample(name: "applications-none", page: ApplicationsPage(brand: globex, form: form, account: account, applications: [])),
    ]

    /// Not a real QR code: squares of the same fineness.
    private static let qrCode: HTML = {
        var path = ""
        for y in 0..<33 {
            for x in 0..<33 where (x * 7 + y * 13 + x * y * 3) % 5 < 2 { path += "M\(x) \(y)h1v1h-1z" }
        }
        return HTML(
            trustedMarkup: "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 33 33\"><path fill=\"#000000\" d=\"\(path)\"/></svg>")
    }()

    /// Each page with `text` wherever outside data goes.
    static func everywhere(_ text: String) -> [PageSample] {
        let brand = Brand(displayName: text, color: text, logoURL: text)
        let form = PageForm(action: text, csrfToken: text, request: text)
        let account = PageAccount(id: text, name: text, email: text)
        let pages: [any Page] = [
            SignInPage(brand: brand, form: form, clientName: text, username: text, problem: .wrongCredentials),
            AccountChoicePage(brand: brand, form: form, clientName: text, choices: [.init(account: account, isSignedIn: false)]),
            TenantChoicePage(
                brand: brand, form: form, clientName: text, account: account, choices: [.init(id: text, brand: brand, role: text)]),
            ConsentPage(
                brand: brand, form: form,
                client: .init(id: text, name: text, logo: BrandLogo(text), redirectURI: text, isVerified: false), account: account,
                scopes: [text]),
            SignOutPage(brand: brand, form: form, account: account, clientName: text),
            SignedOutPage(brand: brand, returnLink: PageLink(text), clientName: text),
            ErrorPage(.failure, brand: brand, code: text, requestID: text, returnLink: PageLink(text), clientName: text),
            PasswordSetPage(brand: brand, form: form, reason: .invitation, account: account, minimumLength: 12),
            SecondFactorPage(brand: brand, form: form, account: account),
            SecondFactorEnrolmentPage(brand: brand, form: form, account: account, qrCode: .empty, secret: text),
            RecoveryCodesPage(brand: brand, form: form, codes: [text]),
            SessionsPage(
                brand: brand, form: form, account: account,
                sessions: [.init(id: text, device: text, address: text, signedInAt: .max, lastSeenAt: .min)], now: 0,
                applications: PageLink(text)),
            ApplicationsPage(
                brand: brand, form: form, account: account,
                applications: [.init(id: text, name: text, tenantName: text, scopes: [text], allowedAt: .max)], sessions: PageLink(text)),
        ]
        return pages.map { PageSample(name: "\(type(of: $0))", page: $0) }
    }
}

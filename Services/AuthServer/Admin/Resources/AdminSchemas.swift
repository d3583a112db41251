import JOSE
import JSON
import OAuth
import Tenancy

/// The bodies of the administration, as the OpenAPI document names them.
enum AdminSchemas {
    static func page(_ name: String, of item: Schema) -> Schema {
        .object(
            name,
            [
                .required("items", .array(item), "In a fixed order."),
                .init("next", .text(1...4000), "The URL of the next page; absent on the last."),
            ])
    }

    // MARK: Users

    private static let profile: [Schema.Property] = [
        .init("name", .nullable(.text(1...200)), "The whole name."),
        .init("given_name", .nullable(.text(1...200)), ""),
        .init("family_name", .nullable(.text(1...200)), ""),
        .init("picture", .nullable(.text(9...2000)), "An https URL."),
        .init("locale", .nullable(.text(2...35)), "A language tag (RFC 5646)."),
        .init("zoneinfo", .nullable(.text(1...64)), "A time zone's name, such as Europe/Paris."),
    ]

    private static let email = Schema.text(3...254)
    private static let roleName = Schema.text(1...63)
    private static let password = Schema.text(1...1024)

    static let user = Schema.object(
        "User",
        [
            .required("id", .uuid, "sub, where subjects are public."),
            .required("email", email, ""),
            .required("email_verified", .boolean, ""),
        ] + profile + [
            .required("role", roleName, "The role in this tenant."),
            .required("disabled", .boolean, "Whether the user is disabled in this tenant."),
            .required("managed", .boolean, "Whether this tenant may change the account; else the person alone may."),
            .required("has_password", .boolean, ""),
            .required("must_change_password", .boolean, ""),
            .required("created_at", .time, "Seconds since 1970."),
            .required("updated_at", .time, "Seconds since 1970."),
            .required("member_since", .time, "Seconds since 1970."),
        ])

    static let userPage = page("UserPage", of: user)

    static let newUser = Schema.object(
        "NewUser",
        [
            .required("email", email, "Its sign-in name."),
            .init("email_verified", .boolean, "Default: false."),
        ] + profile + [
            .required("role", roleName, "The role in this tenant."),
            .init("password", password, "Without one, nobody signs in by password."),
            .init("must_change_password", .boolean, "At the first sign-in; default: true."),
        ])

    static let userChange = Schema.object(
        "UserChange", [.init("email", email, "Makes it unverified."), .init("email_verified", .boolean, "")] + profile)

    static let newPassword = Schema.object(
        "NewPassword",
        [.required("password", password, ""), .init("must_change_password", .boolean, "At the next sign-in; default: true.")])

    static let membership = Schema.object(
        "Membership",
        [
            .required("role", roleName, ""), .required("rank", .integer(0...100), "The role's."),
            .required("permissions", .array(.text(1...128)), "The role's."), .required("disabled", .boolean, ""),
            .required("member_since", .time, "Seconds since 1970."),
        ])

    static let membershipChange = Schema.object("MembershipChange", [.required("role", roleName, "")])

    // MARK: Invitations

    static let invitation = Schema.object(
        "Invitation",
        [
            .required("id", .uuid, ""), .required("email", email, ""), .required("role", roleName, ""),
            .required("invited_by", .text(0...255), "A user's or client's id; empty for the command line."),
            .required("created_at", .time, "Seconds since 1970."), .required("expires_at", .time, "Seconds since 1970."),
        ])

    static let invitationPage = page("InvitationPage", of: invitation)

    static let newInvitation = Schema.object("NewInvitation", [.required("email", email, ""), .required("role", roleName, "")])

    static let createdInvitation = Schema.object(
        "CreatedInvitation",
        [
            .required("id", .uuid, ""), .required("email", email, ""), .required("role", roleName, ""),
            .required("expires_at", .time, "Seconds since 1970."),
            .required("url", .text(1...4000), "Where the invitation is accepted; shown once, to be sent to the person."),
        ])

    // MARK: Roles

    private static let permissions = Schema.array(.text(1...128), maximum: 200)

    static let role = Schema.object(
        "Role",
        [
            .required("name", roleName, ""), .required("rank", .integer(0...100), "Nobody grants a role above their own."),
            .required("permissions", permissions, "Scopes, with * as wildcard on either side; admin:… is never part of a wildcard."),
            .required("built_in", .boolean, "Built-in roles stay as they are."),
        ])

    static let rolePage = page("RolePage", of: role)

    static let newRole = Schema.object(
        "NewRole",
        [.required("name", roleName, ""), .required("rank", .integer(0...99), ""), .required("permissions", permissions, "")])

    static let roleChange = Schema.object("RoleChange", [.init("rank", .integer(0...99), ""), .init("permissions", permissions, "")])

    // MARK: Clients

    static let client = Schema.object(
        "Client",
        [.required("client_id", .text(1...255), "")] + Client.settingsSchema + [.required("disabled", .boolean, "")])

    static let clientPage = page("ClientPage", of: client)

    static let newClient = Schema.object(
        "NewClient", [.init("client_id", .text(1...255), "Unique on the platform; default: generated.")] + Client.settingsSchema)

    static let clientChange = Schema.object("ClientChange", Client.settingsSchema)

    static let createdClient = Schema.object(
        "CreatedClient",
        [
            .required("client_id", .text(1...255), "")
        ] + Client.settingsSchema + [
            .required("disabled", .boolean, ""), .init("client_secret", .text(1...200), "Shown once."),
        ])

    static let secretRotation = Schema.object(
        "SecretRotation",
        [
            .init(
                "overlap", .integer(0...31_536_000),
                "How long the secret before stays valid, in seconds; default 86400. 0 ends its tokens too.")
        ]
    )

    static let newSecret = Schema.object(
        "NewSecret", [.required("client_id", .text(1...255), ""), .required("client_secret", .text(1...200), "Shown once.")])

    // MARK: Keys and settings

    static let key = Schema.object(
        "Key",
        [
            .required("kid", .text(1...200), ""), .required("alg", .choice(JWSAlgorithm.signing.map(\.rawValue)), ""),
            .required("state", .choice(["next", "active", "retiring", "retired"]), ""),
            .required("created_at", .time, "Seconds since 1970."), .init("activated_at", .time, "Seconds since 1970."),
            .init("retire_after", .time, "Seconds since 1970."),
        ])

    static let keyPage = page("KeyPage", of: key)

    static let keyRotation = Schema.object(
        "KeyRotation",
        [
            .init("algorithm", .choice(JWSAlgorithm.signing.map(\.rawValue)), "Sign with it from now on."),
            .init("immediately", .boolean, "Do not wait for verifiers to see a key of another algorithm."),
        ])

    static let rotatedKeys = Schema.object(
        "RotatedKeys",
        [
            .init("active", .text(1...200), "What signs now; absent where a key of another algorithm was only published."),
            .required("next", .text(1...200), ""),
        ])

    static let settings = Schema.object("Settings", Tenant.settingsSchema)

    // MARK: Holdings

    static let session = Schema.object(
        "Session",
        [
            .required("id", .uuid, "sid, unless the client's subjects are pairwise."), .required("user_id", .uuid, ""),
            .required("user_agent", .text(0...400), ""),
            .required("address", .text(0...64), ""), .required("created_at", .time, "Seconds since 1970."),
            .required("last_seen_at", .time, "Seconds since 1970."), .required("expires_at", .time, "Seconds since 1970."),
        ])

    static let sessionPage = page("SessionPage", of: session)

    static let grant = Schema.object(
        "Grant",
        [
            .required("id", .grantID, "grant_id."), .required("client_id", .text(1...255), ""), .required("user_id", .uuid, ""),
            .init("session_id", .uuid, ""), .required("grant_type", .text(1...100), ""), .required("scope", .text(0...20000), ""),
            .required("created_at", .time, "Seconds since 1970."), .required("expires_at", .time, "Seconds since 1970."),
            .init("refreshed_at", .time, "Seconds since 1970."), .required("has_refresh_token", .boolean, ""),
        ])

    static let grantPage = page("GrantPage", of: grant)

    static let holdings = Schema.object(
        "Holdings",
        [
            .required("sessions", .array(session), "Those that have not ended, 100 at most."),
            .required("grants", .array(grant), "Those that are not revoked, 100 at most; access tokens live and die with them."),
        ])

    static let revocation = Schema.object(
        "Revocation",
        [
            .init("token", .text(1...16_384), "An access token of this tenant: it alone dies."),
            .init("token_id", .text(1...255), "An access token's jti."), .init("grant_id", .grantID, ""),
            .init("session_id", .uuid, "Its grants die with it, those with offline_access too."), .init("user_id", .uuid, ""),
            .init("client_id", .text(1...255), ""), .init("everything", .boolean, "true: every token, grant and session of the tenant."),
            .init("reason", .text(1...200), "A few words for the log."),
        ])

    // MARK: Audit and tenants

    private static let party = Schema.object("Party", [.required("kind", .text(1...40), ""), .required("id", .text(0...300), "")])

    static let auditEvent = Schema.object(
        "AuditEvent",
        [
            .required("number", .integer(1...Int64.max), "Without gaps."), .required("occurred_at", .time, "Seconds since 1970."),
            .required("actor", party, ""), .required("action", .text(1...100), "noun.verb"), .required("target", party, ""),
            .required("address", .text(0...64), ""), .required("user_agent", .text(0...400), ""),
            .required("request_id", .text(0...128), ""), .required("details", .free, ""),
            .required("hash", .text(64...64), "Of this row and the hash of the one before it."),
        ])

    static let auditPage = page("AuditPage", of: auditEvent)

    static let tenant = Schema.object(
        "Tenant",
        [
            .required("tenant", .text(1...63), "The slug."), .required("id", .uuid, "org_id of its tokens."),
            .required("issuer", .text(1...2000), ""), .required("disabled", .boolean, ""),
            .required("signing_algorithm", .choice(JWSAlgorithm.signing.map(\.rawValue)), ""),
        ] + Tenant.settingsSchema)

    static let tenantPage = page("TenantPage", of: tenant)

    static let newTenant = Schema.object(
        "NewTenant",
        [
            .required("tenant", .text(1...63), "a-z, 0-9 and hyphen; part of the issuer, so choose well."),
            .init("signing_algorithm", .choice(JWSAlgorithm.signing.map(\.rawValue)), "Default: ES256."),
        ] + Tenant.settingsSchema)
}

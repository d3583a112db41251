import Logging
import OAuth
import Passwords
import Postgres
import Revocation
import ServiceKit
import ServiceLifecycle

/// What several endpoints share, made once: stores, what is remembered of them, keys, and what keeps all of it true.
struct AuthServerParts: Sendable {
    let settings: AuthServerSettings
    let clock: WallClock
    let database: Postgres
    let observability: Observability

    // What is remembered until it changes.
    let tenants: TenantDirectory
    let clients: ClientDirectory
    let keys: KeyRings
    let recognized = RecognizedRequests()
    let revocations: RevocationIndex
    let revocationStreams: RevocationStreams

    // Who asks, and for which tenant.
    let issuers: Issuers
    let requestTenant: RequestTenant
    let authenticator: ClientAuthenticator
    let verifier: AccessTokenVerifier

    // Keys.
    let keyVault: KeyVault
    let secretVault: ClientSecretVault
    let platformKeys: PlatformKeys

    // People and what they granted.
    let accounts: AccountStore
    let sessions: Sessions
    let hasher: PasswordHasher
    let throttle: SignInThrottle
    let factors: SecondFactors
    let passwords: PasswordSignIn
    let newPassword: NewPassword
    let grants: AccessGrantStore
    let refreshTokens: RefreshTokens
    let subjects: Subjects
    let statusLists: StatusListStore

    let housekeeping: Housekeeping
    /// In the order in which they start.
    let background: [any Service]

    init(_ settings: AuthServerSettings, logger: Logger, clock: WallClock) throws {
        self.settings = settings
        self.clock = clock
        database = try Postgres(settings.database, logger: logger)
        let revocations = RevocationIndex(staleness: settings.revocations.staleness)
        let streams = RevocationStreams(limits: settings.revocations.streams)
        (self.revocations, revocationStreams) = (revocations, streams)
        observability = Observability(settings.observability, service: "auth-server", logger: logger)
        let keyStore = KeyStore(database: database)
        let tenantStore = TenantStore(database: database)
        keyVault = KeyVault(masterKey: settings.masterKey)
        secretVault = ClientSecretVault(masterKey: settings.masterKey)
        platformKeys = PlatformKeys(store: PlatformKeyStore(database: database), masterKey: settings.masterKey)

        tenants = TenantDirectory(store: tenantStore)
        clients = ClientDirectory(store: ClientStore(database: database))
        keys = KeyRings(store: keyStore, vault: keyVault, clock: clock)
        issuers = Issuers(baseURL: settings.baseURL)
        requestTenant = RequestTenant(directory: tenants, baseHost: settings.baseHost, labels: observability.tenants)
        verifier = AccessTokenVerifier(issuers: issuers, keys: keys, revocations: revocations, clock: clock)

        let clientKeySource = HTTPClientKeySource(allowsPrivateAddresses: settings.allowsPrivateKeySetAddresses)
        authenticator = ClientAuthenticator(
            tenants: tenants, clients: clients,
            assertions: ClientAssertions(
                issuers: issuers,
                keys: ClientAssertionKeys(
                    vault: secretVault, keySets: ClientKeySets(source: clientKeySource, logger: logger), clock: clock
                ),
                store: ClientAssertionStore(database: database), clock: clock
            ),
            clock: clock
        )

        accounts = AccountStore(database: database)
        sessions = Sessions(database: database, clock: clock)
        hasher = settings.passwords.hasher()
        throttle = SignInThrottle(database: database, clock: clock)
        factors = SecondFactors(database: database, masterKey: settings.masterKey, throttle: throttle, clock: clock)
        passwords = PasswordSignIn(accounts: accounts, factors: factors, throttle: throttle, hasher: hasher)
        newPassword = NewPassword(accounts: accounts, hasher: hasher, breached: settings.passwords.breached, clock: clock)
        grants = AccessGrantStore(database: database)
        refreshTokens = RefreshTokens(keys: platformKeys)
        subjects = Subjects(keys: platformKeys)
        statusLists = StatusListStore(database: database)

        let changeListener = try PostgresListener(settings.database, channels: [ChangeFeed.channel], logger: logger)
        let revocationFeed = try RevocationFeed(
            settings.database, database: database, index: revocations, logger: logger, announce: { streams.announce($0) }
        ) { clock.now }
        housekeeping = Housekeeping(store: PartitionStore(database: database), throttle: throttle, logger: logger)
        background =
            observability.services + [
                database,
                housekeeping,
                PasswordHashing(hasher: hasher),
                changeListener,
                // Recognized decisions last: they are made from what the others remember.
                ChangeFeed(listener: changeListener, observers: [tenants, clients, keys, verifier, recognized], logger: logger),
                revocationFeed.listener,
                revocationFeed,
                streams,
                KeyRotationSchedule(
                    rotation: KeyRotation(store: keyStore, vault: keyVault, clock: clock), tenants: tenantStore, logger: logger
                ),
            ]
    }
}

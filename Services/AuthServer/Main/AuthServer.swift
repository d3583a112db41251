import ArgumentParser
import ServiceKit

/// The authorization server and everything an operator does to it.
@main
struct AuthServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth-server",
        abstract: "Sallyport's authorization server: OAuth 2.1 and OpenID Connect for many tenants.",
        discussion: """
            Settings come from environment variables, then from the JSON file named by SALLYPORT_CONFIG_FILE:

              SALLYPORT_BASE_URL             public URL of the gateway, such as https://id.example.com (required by serve)
              SALLYPORT_API_URL              the API's public URL, the audience of access tokens (default: BASE_URL/api/v1)
              SALLYPORT_AUTH_LISTEN          host:port to listen on (default: 127.0.0.1:8081)
              SALLYPORT_AUTH_DATABASE_URL    PostgreSQL, as the role sallyport_auth; passwords belong into a passfile
              SALLYPORT_AUTH_DATABASE_PASSWORD_FILE    file with that role's password, read for each connection (instead of a passfile)
              SALLYPORT_OWNER_DATABASE_URL   PostgreSQL, as the role that owns the database (required by migrate, demo, and tenant export, import and delete)
              SALLYPORT_OWNER_DATABASE_PASSWORD_FILE   file with that role's password
              SALLYPORT_MASTER_KEY_FILE      file with the 32 bytes that seal signing keys, in hexadecimal or base64url
              SALLYPORT_MASTER_KEY           the same in the variable itself, where files cannot be had: whoever sees the process sees it
              SALLYPORT_MASTER_KEY_PREVIOUS_FILE       while the master key changes: the other one, which opens what is sealed too
              SALLYPORT_MASTER_KEY_PREVIOUS  the same in the variable itself
              SALLYPORT_PASSWORD_HASH_MEMORY_KIB   memory of an Argon2id hash (default: 19456)
              SALLYPORT_PASSWORD_HASH_PASSES       passes over that memory (default: 2)
              SALLYPORT_PASSWORD_HASH_THREADS      hashes computed at once (default: one less than there are cores, at least 1)
              SALLYPORT_PASSWORD_HASH_QUEUE        hashes that may wait; more are refused with 503 (default: 64)
              SALLYPORT_BREACHED_PASSWORDS_FILE    passwords nobody may choose: one a line, or sorted SHA-1 hashes as Have I Been Pwned has them
              SALLYPORT_TRUSTED_PROXIES      addresses of the gateway, whose forwarded headers are believed (default: none)
              SALLYPORT_ALLOW_PRIVATE_JWKS_URIS  true lets clients publish their keys in private networks (default: false)
              SALLYPORT_REVOCATION_STALENESS_S         without word from the revocation log for so long, tokens are refused with 503 (default: 5)
              SALLYPORT_REVOCATION_STREAMS   listeners to /revocations at once; more are answered 429 (default: 10000)
              SALLYPORT_REVOCATION_STREAMS_PER_TENANT  listeners of one tenant (default: 100)
              SALLYPORT_REVOCATION_STREAMS_PER_CLIENT  listeners of one client (default: 10)
              SALLYPORT_REVOCATION_STREAM_PATIENCE_S   a listener that does not read for so long is cut off (default: 10)
              SALLYPORT_DATABASE_POOL_SIZE   connections at most (default: 10)
              SALLYPORT_DATABASE_PIPELINE_DEPTH        requests in flight on one connection at most (default: 4)
              SALLYPORT_DATABASE_STATEMENT_TIMEOUT_MS  how long one statement may run (default: 10000)
              SALLYPORT_MAX_REQUESTS         requests under way at once; more are answered 503 (default: 1024)
              SALLYPORT_MAX_CONNECTIONS      connections at once; more wait (default: 16384, within the limit of open files)
              SALLYPORT_SHUTDOWN_NOTICE_MS   told to stop, the service accepts connections for so long (default: 0)
              SALLYPORT_SHUTDOWN_QUIET_MS    then connections on which nothing happens are closed after so long: longer than the gateway keeps them (default: 3000)
            \(ObservabilitySettings.help)
              SALLYPORT_LOG_LEVEL            trace, debug, info, notice, warning, error or critical (default: info)
            """,
        subcommands: [
            ServeCommand.self, MigrateCommand.self, DemoCommand.self, TenantCommand.self, ClientCommand.self, KeyCommand.self,
            UserCommand.self, RoleCommand.self, SessionCommand.self, GrantCommand.self, TokenCommand.self, AuditCommand.self,
            ApplyCommand.self, ExportCommand.self, DoctorCommand.self, SettingsCommand.self,
        ]
    )
}

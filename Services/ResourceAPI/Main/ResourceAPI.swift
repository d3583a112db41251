import ArgumentParser
import ServiceKit

/// The tenant-isolated REST API.
@main
struct ResourceAPI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource-api",
        abstract: "Sallyport's REST API over PostgreSQL: every request inside its token's tenant.",
        discussion: """
            Settings come from environment variables, then from the JSON file named by SALLYPORT_CONFIG_FILE:

              SALLYPORT_BASE_URL             public URL of the gateway; issuers are {BASE_URL}/t/{tenant} (required by serve)
              SALLYPORT_API_URL              the API's public URL, the audience that tokens must name (default: BASE_URL/api/v1)
              SALLYPORT_API_LISTEN           host:port to listen on (default: 127.0.0.1:8082)
              SALLYPORT_API_DATABASE_URL     PostgreSQL, as the role sallyport_api; passwords belong into a passfile
              SALLYPORT_API_DATABASE_PASSWORD_FILE     file with that role's password, read for each connection (instead of a passfile)
              SALLYPORT_API_SCHEMAS          exposed schemas, separated by commas (default: api)
              SALLYPORT_API_MAX_ROWS         rows that one read returns at most (default: 1000)
              SALLYPORT_API_CATALOG_POLL_SECONDS  how often to look for changes of the schema that nobody announced; 0: never (default: 10)
              SALLYPORT_API_MAX_BODY_BYTES   bytes of one request's body at most (default: 1048576)
              SALLYPORT_API_ALLOW_ROLLBACK   whether Prefer: tx=rollback holds, true or false (default: false)
              SALLYPORT_API_AGGREGATES       whether select may have count(), sum(), avg(), min() and max(), true or false (default: true)
              SALLYPORT_API_TENANT_CONCURRENCY  statements of one tenant under way at once; more wait for their turn (default: 7
                                             for each connection of the pool)
              SALLYPORT_API_MAX_COST         the planner's estimate beyond which a statement is refused (default: 0, no limit)
              SALLYPORT_API_ROLE_LIMITS      limits of roles as JSON, "*" for all others:
                                             {"readonly": {"max_cost": 50000, "statement_timeout_ms": 2000, "max_rows": 200}}
              SALLYPORT_API_STREAMS          exports and imports under way at once, each on a connection of its own; half of them for one
                                             tenant at most (default: 4)
              SALLYPORT_API_MAX_IMPORT_BYTES bytes of one imported file at most (default: 1073741824)
              SALLYPORT_API_STREAM_TIMEOUT_S how long one of them may take (default: 600)
              SALLYPORT_API_JWKS_BASE_URL    where key sets are fetched: {this}/t/{tenant}/oauth2/jwks; several separated by commas
                                             are asked in turn until one answers (default: BASE_URL)
              SALLYPORT_REVOCATION_STALENESS_S         without word from the revocation log for so long, tokens are refused with 503 (default: 5)
              SALLYPORT_TRUSTED_PROXIES      addresses of the gateway, whose forwarded headers are believed (default: none)
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
        subcommands: [ServeCommand.self, DoctorCommand.self, SettingsCommand.self]
    )
}

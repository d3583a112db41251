public import Postgres

extension Settings {
    /// How to reach PostgreSQL: `{prefix}_URL`, and `{prefix}_PASSWORD_FILE` where the password is a file of its own.
    /// `SALLYPORT_DATABASE_POOL_SIZE`, `…_PIPELINE_DEPTH` and `…_STATEMENT_TIMEOUT_MS` bound its use.
    public func database(_ prefix: String, application: String, cure: String) throws(SettingError) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(connectionString: try required(prefix + "_URL", cure: cure))
        configuration.passwordFile = optional(prefix + "_PASSWORD_FILE")
        configuration.applicationName = application
        configuration.poolSize = try integer("DATABASE_POOL_SIZE", default: configuration.poolSize, in: 1...1000)
        configuration.maximumPipelineDepth = try integer("DATABASE_PIPELINE_DEPTH", default: configuration.maximumPipelineDepth, in: 1...64)
        configuration.statementTimeout = .milliseconds(try integer("DATABASE_STATEMENT_TIMEOUT_MS", default: 10_000, in: 100...3_600_000))
        return configuration
    }
}

public import Postgres

/// The SQL that belongs to this version, embedded into the binary.
public enum Database {
    /// Every migration in the order in which they run.
    public static func migrations() -> [Migration] {
        [
            Migration(number: 1, name: "tenancy", sql: text(PackageResources._001_tenancy_sql)),
            Migration(number: 2, name: "auth", sql: text(PackageResources._002_auth_sql)),
            Migration(number: 3, name: "people", sql: text(PackageResources._003_people_sql)),
            Migration(number: 4, name: "grants", sql: text(PackageResources._004_grants_sql)),
            Migration(number: 5, name: "audit", sql: text(PackageResources._005_audit_sql)),
            Migration(number: 6, name: "administration", sql: text(PackageResources._006_administration_sql)),
            Migration(number: 7, name: "shared accounts", sql: text(PackageResources._007_shared_accounts_sql)),
            Migration(number: 8, name: "declarations", sql: text(PackageResources._008_declarations_sql)),
            Migration(number: 9, name: "features", sql: text(PackageResources._009_features_sql)),
            Migration(number: 10, name: "calls", sql: text(PackageResources._010_calls_sql)),
            Migration(number: 11, name: "revocation reading", sql: text(PackageResources._011_revocation_reading_sql)),
            Migration(number: 12, name: "pairwise sessions", sql: text(PackageResources._012_pairwise_sessions_sql)),
            Migration(number: 13, name: "revocation delivery", sql: text(PackageResources._013_revocation_delivery_sql)),
            Migration(number: 14, name: "soft delete walls", sql: text(PackageResources._014_soft_delete_walls_sql)),
            Migration(number: 15, name: "revocation horizon", sql: text(PackageResources._015_revocation_horizon_sql)),
            Migration(number: 16, name: "moving tenants", sql: text(PackageResources._016_moving_tenants_sql)),
        ]
    }

    /// What only a superuser may add: a script of several statements, for `psql`, to be run after the migrations, any number of times.
    public static func superuserScript() -> String { text(PackageResources.event_triggers_sql) }

    /// The demo's tables; one statement, to be run as the owner of the database, any number of times.
    public static func demoTables() -> String { asOneStatement(text(PackageResources.tables_sql)) }

    /// One tenant's demo rows; one statement, to be run inside the tenant, any number of times.
    public static func demoRows() -> String { text(PackageResources.rows_sql) }

    /// The extended protocol takes one statement at a time.
    private static func asOneStatement(_ script: String) -> String {
        "DO $sallyport_do$ BEGIN EXECUTE $sallyport_script$\(script)$sallyport_script$; END $sallyport_do$"
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}

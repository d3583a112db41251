import ArgumentParser
import FoundationEssentials
import JSON
import Logging
import Postgres
import ServiceKit
import Tenancy

/// `--json`, understood by every verb.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON object instead of text.")
    var json = false

    func print(json write: (inout JSONWriter) -> Void, text: @autoclosure () -> String) {
        guard json else {
            Swift.print(text())
            return
        }
        var writer = JSONWriter(reserving: 512)
        writer.beginObject()
        write(&writer)
        writer.endObject()
        Swift.print(String(decoding: writer.bytes, as: UTF8.self))
    }
}

/// What a command fails with when the request cannot be carried out; printed as it is.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// An administrative connection: the database as `sallyport_auth`, and the stores of the capabilities.
struct Administration: Sendable {
    let settings: Settings
    let database: Postgres

    var tenants: TenantStore { TenantStore(database: database) }
    var clients: ClientStore { ClientStore(database: database) }
    var keys: KeyStore { KeyStore(database: database) }

    var roles: Roles { Roles(database: database, clock: .system) }
    var holdings: Holdings { Holdings(database: database, clock: .system) }
    var clientAdministration: Clients {
        Clients(database: database, secretVault: { try clientSecretVault() }, clock: .system)
    }
    var tenantAdministration: Tenants { Tenants(database: database, clock: .system) }

    func clientSecretVault() throws -> ClientSecretVault {
        ClientSecretVault(masterKey: try AuthServerSettings.masterKey(settings))
    }

    func keyVault() throws -> KeyVault {
        KeyVault(masterKey: try AuthServerSettings.masterKey(settings))
    }

    /// - Throws: a message that names the tenant.
    func tenant(_ slug: String) async throws -> Tenant {
        guard let tenant = try await tenants.find(.slug(TenantSlug(slug))) else {
            throw CommandFailure("there is no tenant ‘\(slug)’; see: auth-server tenant list")
        }
        return tenant
    }

    /// The one that is named, or all.
    func tenants(named slug: String?) async throws -> [Tenant] {
        if let slug { return [try await tenant(slug)] }
        return try await tenants.all()
    }

    static func run(_ body: @Sendable @escaping (Administration) async throws -> Void) async throws {
        await ServiceProcess.reportingErrors {
            let settings = try await Settings.process()
            var logger = try Logger.service("auth-server", settings: settings)
            if settings.optional("LOG_LEVEL") == nil { logger.logLevel = .error }
            try await Postgres.withPool(AuthServerSettings.database(settings), logger: logger) { database in
                try await body(Administration(settings: settings, database: database))
            }
        }
    }
}

import ArgumentParser
import FoundationEssentials
import Logging
import OAuth
import Postgres
import ServiceKit
import Tenancy

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Look for what endangers tokens and tenants, from outside through the gateway and in the database, and say what cures it.",
        discussion: """
            Needs what serve needs, and changes nothing. Asks the gateway at SALLYPORT_BASE_URL for what clients ask it, as anybody could; looks at \
            roles, privileges, row-level security, partitions and signing keys in SALLYPORT_AUTH_DATABASE_URL; compares clocks; reads until when the \
            certificate is good, and how much room is left.

            Exit status: 0 nothing found, 1 it could not be examined, 2 warnings only, 3 errors.
            """
    )

    @Flag(name: .long, help: "Print one JSON object instead of text.")
    var json = false

    @Flag(name: .long, help: "Leave the gateway out: it is not up yet.")
    var withoutGateway = false

    @Option(name: .long, help: "A directory on a file system that must not run full; may be given again.")
    var disk: [String] = []

    @Option(name: .long, help: "A PEM file with the authority of the gateway's certificate, beside the system's own.")
    var authority: String?

    @Option(name: .long, help: "A tenant to look at; may be given again (default: the first twenty).")
    var tenant: [String] = []

    func run() async throws {
        try await Administration.run { administration in
            let visit = try DoctorVisit(administration)
            var hazards = visit.settingHazards + DiskExamination.hazards(disk.isEmpty ? ["."] : disk)
            hazards += try await DoctorStore(database: administration.database).examine()
            let tenants = try await visit.tenants(named: tenant)
            hazards += try await visit.keyHazards(tenants)
            hazards += try await visit.clockHazards()
            if !withoutGateway { hazards += try await visit.gatewayHazards(tenants, authority: authority) }
            DoctorReport(hazards: hazards).tell(asJSON: json)
        }
    }
}

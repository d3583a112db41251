import FoundationEssentials
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Files of users") struct UserFileTests {
    private static let hash = "pbkdf2:sha256:2$salt$ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"

    @Test("JSON lines and CSV say the same") func formats() {
        let json = """
            {"email": "ann@example.com", "name": "Ann, \\"the\\" first", "role": "admin", "password_hash": "\(Self.hash)"}

            {"email": "bob@example.com", "name": null}
            """
        let csv =
            "\u{feff}Email,name,role,password_hash\r\nann@example.com,\"Ann, \"\"the\"\" first\",admin,\(Self.hash)\r\n\r\nbob@example.com,,,\r\n"
        for text in [json, csv] {
            let (users, problems) = UserFile.read(Array(text.utf8))
            #expect(problems.isEmpty, "\(problems)")
            #expect(users.map(\.email) == ["ann@example.com", "bob@example.com"])
            #expect(users.first?.name == "Ann, \"the\" first")
            #expect(users.map(\.role) == ["admin", "user"])
            #expect(users.map(\.passwordHash) == [Self.hash, nil])
        }
    }

    @Test(
        "A bad line is reported by its number, and what is right around it is not",
        arguments: [
            (#"{"email": "a@b"}"# + "\n{", [2]), (#"{"email": "a@b"}"# + "\n\n" + #"{"email": "a b@c"}"#, [3]),
            (#"{"email": "a@b", "emial": "x"}"#, [1]), (#"{"email": 1}"#, [1]), (#"{"email": "a@b", "password_hash": "secret"}"#, [1]),
            (#"{"email": "a@b", "email": "c@d"}"#, [1]),
            ("email,name\na@b,x\nc@d\ne@f,x,y\n", [3, 4]), ("email\n\"a@b\nc@d\n", [2]), ("email\na\"@b\nc@d", [2]),
            ("name\nx\n", [1]), ("email,email\na@b,c@d\n", [1]), ("email,phone\na@b,1\n", [1]),
        ]) func badLines(text: String, lines: [Int])
    {
        #expect(UserFile.read(Array(text.utf8)).problems.map(\.line) == lines)
    }

    @Test("A quoted field may hold line breaks; the lines after it keep their numbers") func lineNumbers() {
        let (users, problems) = UserFile.read(Array("email,name\na@b,\"x\ny\"\nbad,z\n".utf8))
        #expect(users.map(\.name) == ["x\ny"])
        #expect(problems.map(\.line) == [4])
    }
}

@Suite("Import of users", .enabled(if: TestDatabase.isConfigured)) struct UserImportTests {
    private static func run(_ text: String, _ tenant: Tenant, _ server: AuthServerHarness) async throws -> Int {
        let administration = server.administration
        return try await UserImport(accounts: administration.accounts, clients: administration.clients, clock: server.clock)
            .run(Array(text.utf8), into: tenant.id)
    }

    @Test("All or none") func allOrNone() async throws {
        try await AuthServerHarness.with { server in
            _ = try await server.member("taken@example.com", of: server.globex)
            let text = """
                {"email": "one@example.com"}
                {"email": "TAKEN@example.com"}
                {"email": "two@example.com", "role": "emperor"}
                {"email": "One@example.com"}
                nonsense
                """
            do {
                _ = try await Self.run(text, server.acme, server)
                Issue.record("imported")
            } catch let refused as UserImport.Refused {
                #expect(refused.problems.map(\.line) == [2, 3, 4, 5])
            }
            #expect(try await server.administration.accounts.page(in: server.acme.id, after: nil, limit: 10).isEmpty)
        }
    }

    @Test("Imported people are members of this tenant only, managed by it, each in the log") func imported() async throws {
        try await AuthServerHarness.with { server in
            let lines = (0..<450).map { "p\($0)@example.com,manager" }.joined(separator: "\n")
            #expect(try await Self.run("email,role\n" + lines, server.acme, server) == 450)
            let members = try await server.administration.accounts.page(in: server.acme.id, after: nil, limit: 1000)
            #expect(members.count == 450)
            #expect(members.allSatisfy { $0.account.managingTenant == server.acme.id && $0.role.name == "manager" })
            #expect(try await server.audited(server.acme).count { $0.action == "user.imported" } == 450)
            #expect(try await server.administration.accounts.page(in: server.globex.id, after: nil, limit: 10).isEmpty)
        }
    }
}

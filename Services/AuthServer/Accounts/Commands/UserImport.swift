import JSON
import Passwords
import Postgres
import ServiceKit
import Tenancy

/// Takes users over from another system, with their password hashes: all or none.
struct UserImport: Sendable {
    static let maximumUsers = 200_000
    private static let batchSize = 200

    struct User: Sendable, Hashable {
        let line: Int
        let email: String
        let name: String?
        let role: String
        let passwordHash: String?
    }

    /// What is wrong with a line; says nothing of the hash.
    struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        let line: Int
        let reason: String

        var description: String { "line \(line): \(reason)" }
    }

    struct Refused: Error, CustomStringConvertible {
        let problems: [Problem]

        var description: String {
            let shown = problems.prefix(50).map { "\n  \($0)" }.joined()
            let rest = problems.count > 50 ? "\n  and \(problems.count - 50) more" : ""
            return "nothing was imported: \(problems.count) unusable \(problems.count == 1 ? "line" : "lines")\(shown)\(rest)"
        }
    }

    let accounts: AccountStore
    let clients: ClientStore
    let clock: WallClock

    /// - Returns: how many users there are now that were not.
    /// - Throws: ``Refused``, with every line that cannot be taken.
    func run(_ bytes: [UInt8], into tenant: TenantID) async throws -> Int {
        var (users, problems) = UserFile.read(bytes)
        problems += try await self.problems(users, tenant)
        if users.isEmpty, problems.isEmpty { problems.append(Problem(line: 1, reason: "there are no users")) }
        guard problems.isEmpty else { throw Refused(problems: problems.sorted { $0.line < $1.line }) }
        users.sort { $0.line < $1.line }
        try await insert(users, tenant)
        return users.count
    }

    private func problems(_ users: [User], _ tenant: TenantID) async throws -> [Problem] {
        var problems: [Problem] = []
        var lines: [String: Int] = [:]
        var roles: [String: Bool] = [:]
        let taken = try await accounts.taken(users.map(\.email))
        for user in users {
            if roles[user.role] == nil { roles[user.role] = try await clients.role(user.role, in: tenant) != nil }
            if roles[user.role] != true { problems.append(Problem(line: user.line, reason: "there is no role ‘\(user.role.prefix(63))’")) }
            if taken.contains(user.email) {
                problems.append(Problem(line: user.line, reason: "there is an account with this address: create or invite it instead"))
            }
            if let earlier = lines.updateValue(user.line, forKey: EmailAddress.folded(user.email)) {
                problems.append(Problem(line: user.line, reason: "line \(earlier) has the same address"))
            }
        }
        return problems
    }

    private func insert(_ users: [User], _ tenant: TenantID) async throws {
        let now = clock.now
        do {
            try await accounts.database.withTenant(tenant.rawValue) { transaction in
                for start in stride(from: 0, to: users.count, by: Self.batchSize) {
                    let batch = users[start..<min(start + Self.batchSize, users.count)]
                    _ = try await transaction.batch(batch.flatMap { Self.statements($0, tenant, now) }, timeout: .seconds(60))
                }
            }
        } catch let error as PostgresError where EmailTaken.isMeant(by: error) {
            throw CommandFailure("nothing was imported: somebody else took one of the addresses meanwhile")
        }
    }

    private static func statements(_ user: User, _ tenant: TenantID, _ now: Int64) -> [SQL] {
        let account = Account.new(
            email: user.email, isEmailVerified: false, name: user.name, passwordHash: user.passwordHash, managedBy: tenant, now: now
        )
        let event = AuditEvent(
            "user.imported", by: .operator, on: "user", account.id.description, from: .commandLine,
            [("email", .string(user.email)), ("role", .string(user.role))]
        )
        return [
            AccountRow.actAs(account.id), AccountRow.insertion(account),
            AccountRow.membershipInsertion(account.id, in: tenant, role: user.role), event.insertion(in: tenant),
        ]
    }
}

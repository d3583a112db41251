import Cryptography
import FoundationEssentials
import JOSE
import OAuth
import Tenancy

/// The names by which a client is told who is signed in, and in which session: `sub` (OpenID Connect Core §8) and `sid`.
struct Subjects: Sendable {
    let keys: PlatformKeys

    /// The account's id; for pairwise clients a name that no other sector's client is told.
    func subject(of account: AccountID, for client: Client) async throws -> String {
        guard client.subjectType == .pairwise else { return account.description }
        return try await name([client.tenantID.description, Self.sector(of: client), account.description])
    }

    /// The session's name for the client's sector, where its subjects are pairwise: the id itself, which other clients of the session are told,
    /// would link what the subjects keep apart. Nil for clients with public subjects.
    func pairwiseSession(_ session: UUID, for client: Client) async throws -> String? {
        guard client.subjectType == .pairwise else { return nil }
        return try await name(["session", client.tenantID.description, Self.sector(of: client), Sessions.name(session)])
    }

    private func name(_ words: [String]) async throws -> String {
        let hmac = try HMAC(key: try await keys.key(.pairwise))
        return Base64URL.encode(try hmac.authenticate(Array(words.joined(separator: " ").utf8)))
    }

    /// §8.1: the sector that was registered, else the host of the redirect URIs, else the client itself.
    private static func sector(of client: Client) -> String {
        if let sector = client.sectorIdentifier { return sector }
        let hosts = Set(client.redirectURIs.map { URLComponents(string: $0.rawValue)?.host?.lowercased() ?? "" })
        if hosts.count == 1, let host = hosts.first, !host.isEmpty { return host }
        return client.id.rawValue
    }
}

import Cryptography
import FoundationEssentials
import JOSE
import OAuth

/// The `sub` that a client is told (OpenID Connect Core §8).
struct Subjects: Sendable {
    let keys: PlatformKeys

    /// The account's id; for pairwise clients a name that no other sector's client is told.
    func subject(of account: AccountID, for client: Client) async throws -> String {
        guard client.subjectType == .pairwise else { return account.description }
        let hmac = try HMAC(key: try await keys.key(.pairwise))
        let message = Array("\(client.tenantID) \(Self.sector(of: client)) \(account)".utf8)
        return Base64URL.encode(try hmac.authenticate(message))
    }

    /// §8.1: the sector that was registered, else the host of the redirect URIs, else the client itself.
    private static func sector(of client: Client) -> String {
        if let sector = client.sectorIdentifier { return sector }
        let hosts = Set(client.redirectURIs.map { URLComponents(string: $0.rawValue)?.host?.lowercased() ?? "" })
        if hosts.count == 1, let host = hosts.first, !host.isEmpty { return host }
        return client.id.rawValue
    }
}

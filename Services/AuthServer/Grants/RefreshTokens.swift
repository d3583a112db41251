import Cryptography
import FoundationEssentials
import OAuth

/// Refresh tokens: a chain of secrets for each grant, of which the last is good.
///
/// The first is random. Each next one is an HMAC of the one before under a key of the platform, so a successor can be given a second time to
/// a client whose first answer was lost, though only hashes are stored; and a token of an earlier generation can be proved to be one.
struct RefreshTokens: Sendable {
    /// How long after a rotation the spent token still leads to its successor.
    static let graceSeconds: Int64 = 30
    /// The farthest back that a spent token is recognised; a longer chain takes longer than it is worth.
    static let maximumSteps = 2000

    let keys: PlatformKeys

    func first(of grant: GrantID) -> OpaqueSecret {
        OpaqueSecret(.refreshToken, Self.words(grant, generation: 0), bytes: SecureRandom.bytes(32))
    }

    /// The token that `token` is exchanged for; always the same one.
    func successor(of token: RefreshToken) async throws -> OpaqueSecret {
        let hmac = try HMAC(key: try await keys.key(.refreshChain))
        return try Self.successor(of: token.secret.bytes, token.grant, generation: token.generation, hmac)
    }

    /// Whether `token` was the good one of this chain `steps` generations ago.
    func isAncestor(_ token: RefreshToken, of currentHash: [UInt8], generation: Int) async throws -> Bool {
        let steps = generation - token.generation
        guard (1...Self.maximumSteps).contains(steps) else { return false }
        let hmac = try HMAC(key: try await keys.key(.refreshChain))
        var secret = token.secret
        for step in 0..<steps {
            if step % 200 == 199 { await Task.yield() }
            secret = try Self.successor(of: secret.bytes, token.grant, generation: token.generation + step, hmac)
        }
        return constantTimeEqual(secret.hash, currentHash)
    }

    private static func successor(of bytes: [UInt8], _ grant: GrantID, generation: Int, _ hmac: HMAC) throws -> OpaqueSecret {
        let message = Array("refresh \(grant) \(generation) ".utf8) + bytes
        return OpaqueSecret(.refreshToken, words(grant, generation: generation + 1), bytes: try hmac.authenticate(message))
    }

    private static func words(_ grant: GrantID, generation: Int) -> [String] {
        ["\(grant.period)", grant.id.uuidString.lowercased(), "\(generation)"]
    }
}

/// A refresh token as a client presents it; only its form is known to be right.
struct RefreshToken: Sendable {
    let secret: OpaqueSecret
    let grant: GrantID
    let generation: Int

    init?(parsing text: String) {
        guard let secret = OpaqueSecret(parsing: text, as: .refreshToken), let period = Int32(secret.words[0]), period >= 0,
            let id = UUID(uuidString: secret.words[1]), let generation = Int(secret.words[2]), (0...Int(Int32.max - 1)).contains(generation)
        else { return nil }
        self.secret = secret
        grant = GrantID(period: period, id: id)
        self.generation = generation
    }
}

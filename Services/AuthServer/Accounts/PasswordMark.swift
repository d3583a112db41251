import Cryptography
import Postgres

/// Which password an account has, without telling it: SHA-256 of what is stored. Another password leaves another mark, however soon it follows.
///
/// Checking a password takes a while, and pages wait for people. What rests on a password that was right says which one that was, and
/// happens only while the account still has it.
struct PasswordMark: Sendable, Hashable {
    /// Nil where no password was ever set.
    let hash: [UInt8]?

    init(of stored: String?) {
        hash = stored.map { SHA256.hash($0) }
    }

    init(hash: [UInt8]?) {
        self.hash = hash
    }

    /// Of the row of `auth.account` in reach: whether it still has this password. The row must be locked for that to stay true.
    var stands: SQL { "sha256(convert_to(password_hash, 'UTF8')) IS NOT DISTINCT FROM \(hash)" }
}

extension Account {
    var passwordMark: PasswordMark { PasswordMark(of: passwordHash) }
}

import OAuth
import Tenancy

/// A token's place among the bits of its tenant: the day in which all tokens of the period expire, and a number in it.
///
/// `jti` names both, so that an entry of the revocation log which has nothing but the `jti` finds the bit.
struct StatusIndex: Sendable, Hashable {
    /// Bits of one list: 16 KiB, before they are compressed.
    static let listCapacity: Int64 = 131_072

    let period: Int32
    let number: Int64

    /// - Parameter issuedAt: seconds since 1970. No token lives for longer than a day.
    static func period(issuedAt: Int64) -> Int32 { Period.short(issuedAt + Revocation.standingSeconds) }

    var list: StatusListID { StatusListID(period: period, number: number / Self.listCapacity) }

    /// `idx`.
    var index: Int64 { number % Self.listCapacity }

    /// - Parameter random: 22 characters.
    func tokenID(_ random: String) -> String { "\(random).\(period).\(number)" }
}

/// `{period}-{number}`: the last part of a list's URI.
struct StatusListID: Sendable, Hashable, CustomStringConvertible {
    let period: Int32
    let number: Int64

    init(period: Int32, number: Int64) {
        self.period = period
        self.number = number
    }

    /// - Returns: nil unless the text is what ``description`` would be.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let period = Int32(parts[0]), let number = Int64(parts[1]), period > 0,
            (0..<1_000_000_000).contains(number),
            "\(period)-\(number)" == text
        else { return nil }
        self.init(period: period, number: number)
    }

    var description: String { "\(period)-\(number)" }

    var firstIndex: Int64 { number * StatusIndex.listCapacity }

    /// When everything in it has expired, in seconds since 1970.
    var expiresAt: Int64 { (Int64(period) + 1) * Period.shortSpanSeconds }

    /// - Parameter issuer: of the tenant.
    func uri(_ issuer: String) -> String { "\(issuer)/\(StatusListEndpoint.path)/\(self)" }
}

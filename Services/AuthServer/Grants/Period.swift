/// The partition that a row lives in: the number of the time span in which it expires. Mirrors `auth.maintain_partitions()`.
enum Period {
    /// Sessions and grants: 28 days.
    static let longSpanSeconds: Int64 = 2_419_200
    /// Codes, assertions and revocations: a day.
    static let shortSpanSeconds: Int64 = 86_400

    /// - Parameter expiresAt: seconds since 1970.
    static func long(_ expiresAt: Int64) -> Int32 { Int32(truncatingIfNeeded: expiresAt / longSpanSeconds) }

    static func short(_ expiresAt: Int64) -> Int32 { Int32(truncatingIfNeeded: expiresAt / shortSpanSeconds) }
}

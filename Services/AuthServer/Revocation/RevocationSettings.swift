import ServiceKit

/// How long the revocation log may be silent, and who may listen to it.
struct RevocationSettings: Sendable {
    /// Without word from the log for so long, tokens are refused.
    let staleness: Duration
    let streams: RevocationStreams.Limits

    init(_ settings: Settings) throws(SettingError) {
        staleness = .seconds(try settings.integer("REVOCATION_STALENESS_S", default: 5, in: 5...60))
        var limits = RevocationStreams.Limits()
        limits.total = try settings.integer("REVOCATION_STREAMS", default: limits.total, in: 1...1_000_000)
        limits.perTenant = try settings.integer("REVOCATION_STREAMS_PER_TENANT", default: limits.perTenant, in: 1...100_000)
        limits.perClient = try settings.integer("REVOCATION_STREAMS_PER_CLIENT", default: limits.perClient, in: 1...100_000)
        limits.patience = .seconds(try settings.integer("REVOCATION_STREAM_PATIENCE_S", default: 10, in: 1...300))
        streams = limits
    }
}

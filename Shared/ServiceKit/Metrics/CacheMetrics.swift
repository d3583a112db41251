/// What a cache holds and how it is used. Counted under the cache's own lock.
public struct CacheUses: Sendable {
    public var entries = 0
    public var capacity = 0
    public private(set) var hits = 0
    public private(set) var misses = 0

    public init() {}

    public mutating func count(isHit: Bool) {
        if isHit { hits += 1 } else { misses += 1 }
    }
}

extension PrometheusRegistry {
    /// Caches by name: entries, capacity, hits and misses.
    public func registerCaches(_ caches: @escaping @Sendable () -> [(name: String, uses: CacheUses)]) {
        register(.gauge, "sallyport_cache_entries", "What a cache holds.") {
            caches().map { MetricSample(Double($0.uses.entries), [("cache", $0.name)]) }
        }
        register(.gauge, "sallyport_cache_capacity", "What a cache holds at most.") {
            caches().map { MetricSample(Double($0.uses.capacity), [("cache", $0.name)]) }
        }
        register(.counter, "sallyport_cache_lookups_total", "Look-ups, by whether they found something.") {
            caches().flatMap { name, uses in
                [
                    MetricSample(Double(uses.hits), [("cache", name), ("result", "hit")]),
                    MetricSample(Double(uses.misses), [("cache", name), ("result", "miss")]),
                ]
            }
        }
    }
}

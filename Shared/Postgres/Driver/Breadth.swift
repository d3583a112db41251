/// How many connections quick statements share.
///
/// A process of the server that has its next statement waiting stays on its processor, with warm caches; more of them than there are processors
/// only take turns there. How many processors the server has is seen from the time it takes: as long as one more connection does not make statements
/// slower, it is worth having. Where they wait for something else than a processor, such as a disk, that goes on until all connections are used.
struct Breadth {
    /// With fewer there would be nothing to compare with.
    private static let narrowest = 2
    /// Statements in a window.
    static let window = 128
    /// Windows between two measurements of what statements take over the fewest connections.
    private static let windowsBetween = 64

    private(set) var limit = Self.narrowest
    private let widest: Int
    private var count = 0
    private var sum: Int64 = 0
    /// What a statement took, on average, over the fewest connections; nil: not known yet.
    private var reference: Int64?
    private var windows = 0
    /// The limit to go on with after a measurement.
    private var resumed: Int?

    init(connections: Int) {
        widest = max(Self.narrowest, connections)
    }

    /// Takes note of a statement that was answered while there was work for every connection within the limit.
    mutating func note(_ service: Int64) {
        count += 1
        sum += service
        guard count == Self.window else { return }
        let average = max(1, sum / Int64(count))
        (count, sum) = (0, 0)
        adapt(to: average)
    }

    private mutating func adapt(to average: Int64) {
        guard limit > Self.narrowest, let reference else {
            reference = average
            limit = min(resumed ?? limit + 1, widest)
            resumed = nil
            return
        }
        windows += 1
        if windows >= Self.windowsBetween {
            windows = 0
            resumed = limit
            limit = Self.narrowest
        } else if average > reference * 8 / 5 {
            limit -= 1
        } else if average < reference * 5 / 4 {
            limit = min(limit + 1, widest)
        }
    }
}

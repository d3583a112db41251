import FoundationEssentials

/// The one source of the current time, passed in so that tests can hold it still.
public struct WallClock: Sendable {
    private let read: @Sendable () -> Int64

    /// - Parameter read: seconds since 1970-01-01T00:00:00Z.
    public init(read: @escaping @Sendable () -> Int64) {
        self.read = read
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, the unit of RFC 7519's NumericDate.
    public var now: Int64 { read() }

    public static let system = WallClock { Int64(Date().timeIntervalSince1970) }
}

internal import NIOCore

/// Time that only goes forward, for measuring: a whole number, where `Duration` would divide 128 bits for each question.
enum MonotonicTime {
    /// Since some moment in the past.
    static var nanoseconds: Int64 { Int64(truncatingIfNeeded: NIODeadline.now().uptimeNanoseconds) }
}

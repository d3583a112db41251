import ServiceKit

/// Tokens say when they begin and end; whoever checks them has another clock.
enum ClockExamination {
    /// - Parameters:
    ///   - skew: seconds that the other clock is ahead of this one.
    ///   - uncertainty: how much of that may be the way there.
    static func hazards(_ clock: String, skew: Double, uncertainty: Double) -> [Hazard] {
        let certain = abs(skew) - uncertainty
        guard certain > 2 else { return [] }
        return [
            Hazard(
                severity: certain > 30 ? .error : .warning, check: "clock", object: clock,
                problem: "is \(Int(abs(skew).rounded())) seconds \(skew > 0 ? "ahead of" : "behind") this machine's clock",
                cure: "keep both in time: timedatectl set-ntp true")
        ]
    }
}

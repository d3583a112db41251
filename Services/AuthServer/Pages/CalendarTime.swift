/// A moment as people write it, in UTC: the server does not know the person's time zone.
struct CalendarTime: Sendable, Equatable {
    let year: Int64
    let month, day, hour, minute, second: Int

    /// - Parameter seconds: Unix time, kept within the years 1970 to 9999.
    init(_ seconds: Int64) {
        let seconds = min(max(seconds, 0), 253_402_300_799)
        let ofDay = Int(seconds % 86_400)
        (hour, minute, second) = (ofDay / 3600, ofDay / 60 % 60, ofDay % 60)
        // Days are counted from 1 March of the year 0, so that the leap day ends the year; an era is 400 years.
        let days = seconds / 86_400 + 719_468
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = Int(dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100))
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = days / 146_097 * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// `2026-01-31T23:59:59Z`.
    var iso8601: String {
        "\(year)-\(Self.two(month))-\(Self.two(day))T\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))Z"
    }

    static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

internal import FoundationEssentials
internal import Glibc
internal import JSON
public import Logging
internal import Telemetry

/// Writes each event as one JSON object on one line of standard error: `time`, `level`, `message`, `logger`, the span it belongs to where there
/// is one (`trace_id`, `span_id`), then the metadata.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let label: String

    public init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line = JSONWriter(reserving: 256)
        line.beginObject()
        line.field("time", Self.timestamp())
        line.field("level", event.level.rawValue)
        line.field("logger", label)
        line.field("message", event.message.description)
        if let span = Span.current {
            line.field("trace_id", span.traceID.description)
            line.field("span_id", span.id.description)
        }
        for (name, value) in metadata where event.metadata?[name] == nil {
            line.field(name, value.description)
        }
        for (name, value) in event.metadata ?? [:] {
            line.field(name, value.description)
        }
        line.endObject()
        StandardError.write(line.bytes + [UInt8(ascii: "\n")])
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))T"
            + "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2)).\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}

extension Logger {
    /// The root logger of a service; level from `SALLYPORT_LOG_LEVEL` (trace … critical), `info` where unset.
    public static func service(_ label: String, settings: Settings) throws(SettingError) -> Logger {
        let text = settings.optional("LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw SettingError(
                variable: "SALLYPORT_LOG_LEVEL",
                problem: "‘\(text.prefix(20))’ is not a log level",
                cure: "Use one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."
            )
        }
        return Logger(label: label) { JSONLogHandler(label: $0, level: level) }
    }
}

enum StandardError {
    /// Writes all of it, or as much as can be written; there is nobody to tell about a failure.
    static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = Glibc.write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0, errno != EINTR { return }
                rest = rest.dropFirst(max(written, 0))
            }
        }
    }
}

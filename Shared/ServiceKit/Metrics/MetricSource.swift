/// What Prometheus is told a family of metrics is.
public enum MetricKind: String, Sendable {
    case counter
    case gauge
}

/// One value with its labels. Labels come from closed sets, never from what a client sends.
public struct MetricSample: Sendable {
    public let labels: [(String, String)]
    public let value: Double

    public init(_ value: Double, _ labels: [(String, String)] = []) {
        self.labels = labels
        self.value = value
    }
}

/// A family of metrics that is read when somebody asks, and costs nothing meanwhile.
struct MetricSource: Sendable {
    let name: String
    let kind: String
    let help: String
    let write: @Sendable (inout ExpositionText) -> Void
}

/// Prometheus' text format, 0.0.4.
struct ExpositionText {
    private(set) var text = ""

    mutating func begin(_ name: String, kind: String, help: String) {
        if !help.isEmpty { text += "# HELP \(name) \(help)\n" }
        text += "# TYPE \(name) \(kind)\n"
    }

    mutating func line(_ name: String, _ labels: String, _ value: String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }

    mutating func line(_ name: String, _ labels: String, _ value: Double) {
        line(name, labels, Self.text(of: value))
    }

    mutating func histogram(_ name: String, _ labels: String, _ histogram: Histogram) {
        let (counts, nanoseconds) = histogram.state
        let prefix = labels.isEmpty ? "" : labels + ","
        var cumulative = 0
        for (count, bound) in zip(counts, Histogram.bounds.map { Self.text(of: Double($0) / 1e9) } + ["+Inf"]) {
            cumulative += count
            line(name + "_bucket", prefix + "le=\"\(bound)\"", String(cumulative))
        }
        line(name + "_sum", labels, "\(Double(nanoseconds) / 1e9)")
        line(name + "_count", labels, String(cumulative))
    }

    /// `name="value"` pairs, escaped.
    static func labels(_ labels: [(String, String)]) -> String {
        labels.map { name, value in
            let escaped = value.reduce(into: "") { text, character in
                switch character {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.append(character)
                }
            }
            return "\(sanitized(name))=\"\(escaped)\""
        }.joined(separator: ",")
    }

    static func sanitized(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
    }

    private static func text(of value: Double) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : "\(value)"
    }
}

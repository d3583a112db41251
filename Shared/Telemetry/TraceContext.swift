/// A trace's name: 16 bytes, not all zero.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    static func random() -> TraceID { TraceID(high: .random(in: 1 ... .max), low: .random(in: .min ... .max)) }

    /// 32 hexadecimal digits in lower case.
    public var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }
}

/// A span's name within its trace: 8 bytes, not all zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    static func random() -> SpanID { SpanID(.random(in: 1 ... .max)) }

    /// 16 hexadecimal digits in lower case.
    public var description: String { Hexadecimal.text(rawValue) }
}

/// `traceparent`: which trace a request belongs to, and what caused it there (W3C Trace Context §3.2).
public struct TraceContext: Sendable, Hashable {
    public let traceID: TraceID
    public let spanID: SpanID
    /// Whether whoever asked records the trace.
    public let isSampled: Bool

    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// - Parameter header: `00-{32 hex}-{16 hex}-{2 hex}`, in lower case. Of later versions the same part is read (§3.2.4); `ff` is none.
    public init?(_ header: String) {
        var text = header
        let read = text.withUTF8 { bytes -> (TraceID, SpanID, UInt64)? in
            let dash = UInt8(ascii: "-")
            guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
                let version = Hexadecimal.value(bytes[0..<2]), version != 0xff, bytes.count == 55 || (version > 0 && bytes[55] == dash),
                let high = Hexadecimal.value(bytes[3..<19]), let low = Hexadecimal.value(bytes[19..<35]), high | low != 0,
                let span = Hexadecimal.value(bytes[36..<52]), span != 0, let flags = Hexadecimal.value(bytes[53..<55])
            else { return nil }
            return (TraceID(high: high, low: low), SpanID(span), flags)
        }
        guard let read else { return nil }
        traceID = read.0
        spanID = read.1
        isSampled = read.2 & 1 == 1
    }

    /// As it is sent on.
    public var header: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }
}

enum Hexadecimal {
    /// 16 digits in lower case.
    static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// At most 16 digits in lower case.
    static func value(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var value: UInt64 = 0
        for byte in digits {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}

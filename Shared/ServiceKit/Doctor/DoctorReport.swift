internal import Glibc
internal import JSON

/// What a doctor's visit found, as text, as JSON and as an exit status.
public struct DoctorReport: Sendable {
    public let hazards: [Hazard]

    /// - Parameter hazards: told with the errors first, then by object.
    public init(hazards: [Hazard]) {
        self.hazards = hazards.sorted { first, second in
            (first.severity == .error ? 0 : 1, first.object, first.check, first.problem)
                < (second.severity == .error ? 0 : 1, second.object, second.check, second.problem)
        }
    }

    /// 0: nothing; 2: warnings only; 3: errors. 1 is left to a visit that failed.
    public var exitStatus: Int32 {
        if hazards.contains(where: { $0.severity == .error }) { return 3 }
        return hazards.isEmpty ? 0 : 2
    }

    /// A paragraph for each hazard, the cure on lines of its own, and a last line that counts.
    public var text: String {
        var lines = hazards.flatMap { hazard in
            ["\(hazard.severity.rawValue): \(hazard.object) \(hazard.problem) [\(hazard.check)]", "    \(hazard.cure)", ""]
        }
        let errors = hazards.count { $0.severity == .error }
        lines.append(
            hazards.isEmpty
                ? "Nothing found." : "\(Self.counted(errors, "error")), \(Self.counted(hazards.count - errors, "warning")).")
        return lines.joined(separator: "\n")
    }

    /// `{"errors": 1, "warnings": 0, "hazards": [{"severity", "check", "object", "problem", "cure"}]}`
    public var json: [UInt8] {
        let errors = hazards.count { $0.severity == .error }
        var writer = JSONWriter(reserving: 1024)
        writer.beginObject()
        writer.field("errors", Int64(errors))
        writer.field("warnings", Int64(hazards.count - errors))
        writer.name("hazards")
        writer.beginArray()
        for hazard in hazards {
            writer.beginObject()
            writer.field("severity", hazard.severity.rawValue)
            writer.field("check", hazard.check)
            writer.field("object", hazard.object)
            writer.field("problem", hazard.problem)
            writer.field("cure", hazard.cure)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    /// Prints it, and ends the process with its status.
    public func tell(asJSON: Bool) -> Never {
        print(asJSON ? String(decoding: json, as: UTF8.self) : text)
        fflush(nil)
        _exit(exitStatus)
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}

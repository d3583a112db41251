public import JSON
internal import Synchronization

/// Every variable that a program asks for, as it asks: what documents are made of, and held to.
public final class SettingsRecorder: Sendable {
    public enum Kind: String, Sendable {
        case text
        case integer
        case fraction
        case flag
        case url
        case urls
        case address
        case secret
        /// A path.
        case file
    }

    public struct Question: Sendable, Hashable {
        public let kind: Kind
        public var isRequired = false
        public var fallback: String? = nil
        public var bounds: ClosedRange<Int>? = nil
    }

    private let questions = Mutex<[String: Question]>([:])

    public init() {}

    /// What says less than was said before is nothing new: a number is read as a text first.
    func note(_ name: String, _ question: Question) {
        questions.withLock { questions in
            var question = question
            if let before = questions[name] {
                if question.kind == .text { question = before }
                if before.isRequired { question.isRequired = true }
            }
            questions[name] = question
        }
    }

    /// By variable: `{"SALLYPORT_…": {"kind": …, "required": …, "default": …, "minimum": …, "maximum": …}}`, in order of name.
    public var json: JSONObject {
        JSONObject(
            questions.withLock { $0 }.sorted { $0.key < $1.key }.map { name, question in
                var members: [(name: String, value: JSONValue)] = [
                    ("kind", .string(question.kind.rawValue)), ("required", .bool(question.isRequired)),
                ]
                if let fallback = question.fallback { members.append(("default", .string(fallback))) }
                if let bounds = question.bounds {
                    members += [("minimum", .integer(Int64(bounds.lowerBound))), ("maximum", .integer(Int64(bounds.upperBound)))]
                }
                return (Settings.variable(name), .object(JSONObject(members)))
            })
    }
}

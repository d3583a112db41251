/// A setting that is missing or cannot be used: names the variable, the problem and the cure.
public struct SettingError: Error, CustomStringConvertible {
    public let variable: String
    public let problem: String
    public let cure: String

    public init(variable: String, problem: String, cure: String) {
        self.variable = variable
        self.problem = problem
        self.cure = cure
    }

    public var description: String { "\(variable): \(problem). \(cure)" }
}

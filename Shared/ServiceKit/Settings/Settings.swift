internal import Configuration
internal import FoundationEssentials
internal import SystemPackage

/// The one reader of configuration: environment variables first, then the JSON file named by `SALLYPORT_CONFIG_FILE`.
///
/// A setting is written `AUTH_LISTEN` in code, `SALLYPORT_AUTH_LISTEN` in the environment and
/// `{"sallyport": {"auth": {"listen": …}}}` in the file. Values are never part of an error message when `isSecret`.
public struct Settings: Sendable {
    private let reader: ConfigReader
    /// Hears what is asked.
    private let recorder: SettingsRecorder?

    public init(environment: [String: String], recorder: SettingsRecorder? = nil) async throws(SettingError) {
        self.recorder = recorder
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: environment)]
        if let path = environment["SALLYPORT_CONFIG_FILE"], !path.isEmpty {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw SettingError(
                    variable: "SALLYPORT_CONFIG_FILE",
                    problem: "\(path) cannot be read as a JSON configuration file",
                    cure: "Give the path of a readable JSON file, or unset the variable."
                )
            }
        }
        reader = ConfigReader(providers: providers)
    }

    /// The settings of this process.
    public static func process() async throws(SettingError) -> Settings {
        try await Settings(environment: ProcessInfo.processInfo.environment)
    }

    func note(_ name: String, _ kind: SettingsRecorder.Kind, default fallback: String? = nil, in bounds: ClosedRange<Int>? = nil) {
        recorder?.note(name, .init(kind: kind, fallback: fallback, bounds: bounds))
    }

    /// The value, or nil where it is unset or empty.
    public func optional(_ name: String) -> String? {
        note(name, name.hasSuffix("_FILE") ? .file : .text)
        let key = ConfigKey(["sallyport"] + name.lowercased().split(separator: "_").map(String.init))
        guard let value = reader.string(forKey: key), !value.isEmpty else { return nil }
        return value
    }

    public func required(_ name: String, cure: String) throws(SettingError) -> String {
        recorder?.note(name, .init(kind: .text, isRequired: true))
        guard let value = optional(name) else {
            throw SettingError(variable: Self.variable(name), problem: "is not set", cure: cure)
        }
        return value
    }

    public func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(SettingError) -> Int {
        note(name, .integer, default: String(fallback), in: range)
        guard let text = optional(name) else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw SettingError(
                variable: Self.variable(name),
                problem: "‘\(text.prefix(40))’ is not a whole number from \(range.lowerBound) to \(range.upperBound)",
                cure: "Leave it unset for \(fallback)."
            )
        }
        return value
    }

    /// `true` or `false`.
    public func flag(_ name: String, default fallback: Bool) throws(SettingError) -> Bool {
        note(name, .flag, default: String(fallback))
        guard let text = optional(name) else { return fallback }
        guard let value = Bool(text) else {
            throw SettingError(
                variable: Self.variable(name), problem: "‘\(text.prefix(40))’ is neither true nor false",
                cure: "Leave it unset for \(fallback)."
            )
        }
        return value
    }

    /// An absolute `http` or `https` URL without query, fragment, user or trailing slash: compared byte for byte from then on.
    public func baseURL(_ name: String, default fallback: String? = nil) throws(SettingError) -> String {
        note(name, .url, default: fallback)
        let text = if let fallback { optional(name) ?? fallback } else { try required(name, cure: Self.baseURLCure) }
        return try Self.baseURL(text, name)
    }

    /// One or more of them, separated by commas.
    public func baseURLs(_ name: String, default fallback: String) throws(SettingError) -> [String] {
        note(name, .urls, default: fallback)
        var urls: [String] = []
        for text in (optional(name) ?? fallback).split(separator: ",", omittingEmptySubsequences: false) {
            urls.append(try Self.baseURL(String(text.drop { $0 == " " }), name))
        }
        return urls
    }

    private static let baseURLCure = "Give an absolute URL such as https://id.example.com, without a slash at its end."

    private static func baseURL(_ text: String, _ name: String) throws(SettingError) -> String {
        guard let components = URLComponents(string: text), components.scheme == "http" || components.scheme == "https",
            let host = components.host, !host.isEmpty, components.user == nil, components.query == nil, components.fragment == nil,
            !text.hasSuffix("/")
        else {
            throw SettingError(variable: variable(name), problem: "‘\(text.prefix(200))’ is not a usable base URL", cure: baseURLCure)
        }
        return text
    }

    /// `host:port`, the address to listen on.
    public func listenAddress(_ name: String, default fallback: String) throws(SettingError) -> (host: String, port: Int) {
        note(name, .address, default: fallback)
        let text = optional(name) ?? fallback
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port) else {
            throw SettingError(
                variable: Self.variable(name),
                problem: "‘\(text.prefix(100))’ is not an address to listen on",
                cure: "Give host:port, such as \(fallback)."
            )
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else {
            throw SettingError(variable: Self.variable(name), problem: "has no host", cure: "Give host:port, such as \(fallback).")
        }
        return (String(host), port)
    }

    /// A secret from the variable, or from the file that the variable with `_FILE` behind it names. Surrounding white space is dropped.
    public func secret(_ name: String, cure: String) throws(SettingError) -> String {
        note(name, .secret)
        if let path = optional(name + "_FILE") {
            guard let contents = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw SettingError(variable: Self.variable(name + "_FILE"), problem: "\(path) cannot be read", cure: cure)
            }
            return String(contents.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
        return try required(name, cure: cure)
    }

    public static func variable(_ name: String) -> String { "SALLYPORT_" + name }
}

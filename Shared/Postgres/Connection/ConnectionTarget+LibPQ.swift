internal import CLibPQ
import Glibc

/// A fresh connection on its way from the thread that made it to the one that will use it.
///
/// `@unchecked Sendable`: the maker does not touch it after handing it over.
struct SessionHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    func finish() { PQfinish(pointer) }
}

/// The connection string completed with the defaults of this library, ready for libpq.
struct ConnectionTarget: Sendable {
    private let keywords: [String]
    private let values: [String]
    private let password: String?
    private let passwordFile: String?

    /// - Parameter sessionOptions: server settings for the start of the session; the connection string's own `options` win.
    /// - Throws: `.configuration` if libpq cannot parse the connection string. Its message would quote the string, so it is not
    ///   passed on.
    init(
        connectionString: String, passwordFile: String? = nil, applicationName: String, connectTimeout: Duration,
        sessionOptions: [(name: String, value: String)]
    ) throws(PostgresError) {
        guard let options = PQconninfoParse(connectionString, nil) else {
            throw .configuration("libpq cannot parse the connection string (expected keyword=value pairs or a postgresql:// URI)")
        }
        defer { PQconninfoFree(options) }
        var given: [(String, String)] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { given.append((String(cString: keyword), String(cString: value))) }
            option += 1
        }
        func value(_ keyword: String) -> String? { given.first { $0.0 == keyword }?.1 }

        let seconds = max(2, connectTimeout.components.seconds)
        var parameters: [(String, String)] = [
            ("fallback_application_name", applicationName),
            ("connect_timeout", String(seconds)),
            // A machine that has lost its power says nothing: it is missed after four seconds, with and without a request under way.
            ("keepalives_idle", "2"), ("keepalives_interval", "1"), ("keepalives_count", "2"),
            ("tcp_user_timeout", "4000"),
        ].filter { value($0.0) == nil && !($0.0 == "connect_timeout" && getenv("PGCONNECT_TIMEOUT") != nil) }
        parameters += given.filter { $0.0 != "options" && $0.0 != "client_encoding" }
        let userOptions = value("options") ?? getenv("PGOPTIONS").map { String(cString: $0) } ?? ""
        let sessionDefaults = sessionOptions.map { "-c \($0.name)=\($0.value)" }.joined(separator: " ")
        parameters.append(("options", "\(sessionDefaults) \(userOptions)"))
        parameters.append(("client_encoding", "UTF8"))
        keywords = parameters.map(\.0)
        values = parameters.map(\.1)
        password = value("password")
        self.passwordFile = passwordFile
    }

    /// Connects, blocking the calling thread for the name look-up and the handshake with each host in turn.
    /// - Throws: `.unavailable` with libpq's message, or the name of a password file that cannot be read.
    func connect() throws(PostgresError) -> SessionHandle {
        let password = if let passwordFile { try PasswordFile.read(passwordFile) } else { self.password }
        // Of a keyword that is given twice the last counts.
        var names = (keywords + ["password"]).map { UnsafePointer(strdup($0)) } + [nil]
        var contents = (values + [password ?? ""]).map { UnsafePointer(strdup($0)) } + [nil]
        defer {
            for string in names + contents { free(UnsafeMutablePointer(mutating: string)) }
        }
        guard let connection = PQconnectdbParams(&names, &contents, 0) else { throw .unavailable("out of memory") }
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = Self.scrubbed(PQerrorMessage(connection).map { String(cString: $0) } ?? "", of: password)
            PQfinish(connection)
            throw .unavailable(message)
        }
        // The default receiver prints notices to stderr.
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        return SessionHandle(pointer: connection)
    }

    private static func scrubbed(_ message: String, of password: String?) -> String {
        let lines = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
        guard let password, !password.isEmpty else { return lines }
        var scrubbed = ""
        var rest = Substring(lines)
        while let start = rest.indices.first(where: { rest[$0...].hasPrefix(password) }) {
            scrubbed += rest[..<start] + "****"
            rest = rest[start...].dropFirst(password.count)
        }
        return scrubbed + rest
    }
}

extension ConnectionTarget {
    /// For pooled connections.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        try self.init(
            connectionString: configuration.connectionString,
            passwordFile: configuration.passwordFile,
            applicationName: configuration.applicationName,
            connectTimeout: configuration.connectTimeout,
            sessionOptions: [
                ("TimeZone", "UTC"), ("statement_timeout", String(configuration.statementTimeout.wholeMilliseconds)),
                // A service's statements are short: compiling the few whose cost is overrated takes longer than running them.
                ("jit", "off"),
            ]
        )
    }
}

extension Duration {
    /// Rounded up, never negative.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0, seconds < Int64.max / 1000 - 1 else { return seconds < 0 || attoseconds < 0 ? 0 : .max }
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }

    var wholeNanoseconds: Int64 {
        let milliseconds = wholeMilliseconds
        guard milliseconds < 1_000_000_000_000 else { return 1_000_000_000_000_000_000 }
        let (seconds, attoseconds) = components
        return seconds < 0 ? 0 : seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

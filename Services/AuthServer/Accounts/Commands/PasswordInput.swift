import ArgumentParser
import FoundationEssentials
import Glibc

/// Where a command gets a password from: a file, or the terminal without showing it. Never from the arguments, which everybody can see.
struct PasswordInput: ParsableArguments {
    @Option(help: "A file whose first line is the password; - for standard input (default: ask at the terminal).") var passwordFile: String?

    /// - Throws: a message that names the file; never any of its contents.
    func read() throws -> String {
        if let passwordFile { return try Self.firstLine(of: passwordFile) }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFailure("there is no terminal to ask at: give --password-file, or - for standard input")
        }
        let password = try Self.ask("Password: ")
        guard try Self.ask("Once more: ") == password else { throw CommandFailure("the two passwords differ") }
        return password
    }

    private static func firstLine(of path: String) throws -> String {
        let bytes: [UInt8]
        if path == "-" {
            guard let line = readLine(strippingNewline: true) else { throw CommandFailure("--password-file: standard input is empty") }
            bytes = Array(line.utf8)
        } else {
            guard let data = try? Data(contentsOf: URL(filePath: path)), data.count <= 64 * 1024 else {
                throw CommandFailure("--password-file: \(path) cannot be read")
            }
            bytes = Array(data.prefix { $0 != UInt8(ascii: "\n") })
        }
        guard let text = String(validating: bytes.last == 0x0d ? bytes.dropLast() : bytes[...], as: UTF8.self), !text.isEmpty else {
            throw CommandFailure("--password-file: the first line is empty or not UTF-8")
        }
        return text
    }

    /// Reads a line from the terminal without echo; the terminal is as before afterwards.
    private static func ask(_ prompt: String) throws -> String {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw CommandFailure("the terminal cannot be read") }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        silent.c_lflag |= tcflag_t(ECHONL)
        Prompt.write(prompt)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else { throw CommandFailure("the terminal cannot be silenced") }
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
        guard let line = readLine(strippingNewline: true), !line.isEmpty else { throw CommandFailure("no password was given") }
        return line
    }

    private enum Prompt {
        /// To standard error, so that the prompt is no part of the output.
        static func write(_ text: String) {
            let bytes = Array(text.utf8)
            _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
    }
}

import JSON
import Passwords

/// A file of users: one JSON object a line, or CSV with a header line (RFC 4180). Members or columns: email, name, role, password_hash.
enum UserFile {
    private static let columns = ["email", "name", "role", "password_hash"]

    /// Lines that can be taken, and what is wrong with the others.
    static func read(_ bytes: [UInt8]) -> (users: [UserImport.User], problems: [UserImport.Problem]) {
        let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        let isJSON = text.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: "{")
        var users: [UserImport.User] = []
        var problems: [UserImport.Problem] = []
        func take(_ line: Int, _ fields: () throws(UserImport.Problem) -> [String: String]) {
            do throws(UserImport.Problem) {
                users.append(try user(line, fields()))
            } catch {
                problems.append(error)
            }
        }
        if isJSON {
            for (line, record) in lines(text) { take(line) { () throws(UserImport.Problem) in try fields(json: record, line) } }
        } else {
            readCSV(text, take: take, problem: { problems.append($0) })
        }
        if users.count > UserImport.maximumUsers {
            problems.append(UserImport.Problem(line: 1, reason: "over \(UserImport.maximumUsers) users: divide the file"))
        }
        return (users, problems)
    }

    private static func readCSV(
        _ text: ArraySlice<UInt8>, take: (Int, () throws(UserImport.Problem) -> [String: String]) -> Void,
        problem: (UserImport.Problem) -> Void
    ) {
        var records = CSVReader(text)
        guard let header = records.next() else { return }
        let names = header.fields.map { $0.lowercased() }
        guard header.isWellFormed, names.contains("email"), Set(names).count == names.count, names.allSatisfy(columns.contains) else {
            problem(UserImport.Problem(line: 1, reason: "the header must name email and may name name, role and password_hash, once each"))
            return
        }
        while let record = records.next() {
            take(record.line) { () throws(UserImport.Problem) in
                guard record.isWellFormed, record.fields.count == names.count else {
                    throw UserImport.Problem(line: record.line, reason: "not \(names.count) fields in well-formed CSV")
                }
                return Dictionary(uniqueKeysWithValues: zip(names, record.fields)).filter { !$0.value.isEmpty }
            }
        }
    }

    private static func lines(_ text: ArraySlice<UInt8>) -> [(line: Int, bytes: ArraySlice<UInt8>)] {
        text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .map { ($0.offset + 1, $0.element) }
            .filter { !$0.1.allSatisfy { [0x20, 0x09, 0x0d].contains($0) } }
    }

    private static func fields(json bytes: ArraySlice<UInt8>, _ line: Int) throws(UserImport.Problem) -> [String: String] {
        guard let object = (try? JSONValue(parsing: Array(bytes)))?.objectValue else {
            throw UserImport.Problem(line: line, reason: "not a JSON object")
        }
        var fields: [String: String] = [:]
        for (name, value) in object.members {
            guard columns.contains(name) else {
                throw UserImport.Problem(
                    line: line, reason: "unknown member ‘\(name.prefix(60))’: email, name, role and password_hash are read")
            }
            if value.isNull { continue }
            guard let text = value.stringValue else { throw UserImport.Problem(line: line, reason: "\(name) is not a string") }
            fields[name] = text
        }
        return fields
    }

    private static func user(_ line: Int, _ fields: [String: String]) throws(UserImport.Problem) -> UserImport.User {
        guard let email = fields["email"], EmailAddress.isAcceptable(email) else {
            throw UserImport.Problem(line: line, reason: "email is missing or no e-mail address")
        }
        if let name = fields["name"], name.unicodeScalars.count > 200 || name.utf8.contains(0) {
            throw UserImport.Problem(line: line, reason: "name has over 200 characters, or one that text cannot hold")
        }
        if let hash = fields["password_hash"] {
            do {
                _ = try PasswordHash(hash)
            } catch {
                throw UserImport.Problem(line: line, reason: error.description)
            }
        }
        return UserImport.User(
            line: line, email: email, name: fields["name"], role: fields["role"] ?? "user", passwordHash: fields["password_hash"]
        )
    }
}

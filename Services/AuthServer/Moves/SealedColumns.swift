import Cryptography
import FoundationEssentials
import JSON
import OAuth
import Tenancy

/// The columns whose values are sealed under the master key, and what each value is bound to. They travel sealed under a transfer key.
enum SealedColumns {
    /// By table: the column, and the context of a row of it.
    private static let all: [String: (column: String, context: @Sendable (JSONObject) -> [UInt8]?)] = [
        "auth.signing_key": (
            "sealed_private_key",
            { row in
                guard let tenant = tenant(row), let keyID = row["key_id"]?.stringValue else { return nil }
                return KeyVault.context(tenant, keyID)
            }
        ),
        "auth.client_secret": (
            "sealed_secret",
            { row in
                guard let tenant = tenant(row), let client = row["client_id"]?.stringValue.flatMap({ ClientID($0) }) else { return nil }
                return ClientSecretVault.context(client, tenant)
            }
        ),
        "auth.second_factor": (
            "sealed_secret", { row in row["account_id"]?.stringValue.flatMap { AccountID($0) }.map(SecondFactors.context) }
        ),
    ]

    /// Refuses a table whose sealed column nobody has told of here: it would arrive as something that cannot be opened.
    static func check(_ table: TenantTable) throws {
        let sealed = table.columns.map(\.name).filter { table.isServices && $0.hasPrefix("sealed_") }
        guard sealed == (all[table.qualifiedName].map { [$0.column] } ?? []) else {
            throw CommandFailure(
                "\(table.qualifiedName): its sealed columns (\(sealed.joined(separator: ", "))) are not known to tenant export")
        }
    }

    /// The row with its sealed value opened by one key and sealed by the other.
    /// - Throws: a message that names the table when it does not open, or is neither text nor null.
    static func reseal(_ row: String, of table: String, from old: SealingKey, to new: SealingKey) throws -> String {
        guard let (column, context) = all[table] else { return row }
        guard var object = try? JSONValue(parsing: row).objectValue, let value = object[column] else {
            throw CommandFailure("\(table): a row is not as expected")
        }
        if value.isNull { return row }
        guard let text = value.stringValue else { throw CommandFailure("\(table): a row is not as expected") }
        guard let sealed = bytes(text), let context = context(object), let secret = try? old.open(sealed, authenticating: context) else {
            throw CommandFailure("\(table): a sealed value does not open with the key that is given")
        }
        object[column] = .string(hexadecimal(try new.seal(secret, authenticating: context)))
        return String(decoding: object.serialized(), as: UTF8.self)
    }

    private static func tenant(_ row: JSONObject) -> TenantID? {
        row["tenant_id"]?.stringValue.flatMap { UUID(uuidString: $0) }.map { TenantID($0) }
    }

    /// PostgreSQL's own way to write bytes: `\x` and hexadecimal digits.
    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count >= 2, digits.count.isMultiple(of: 2), digits[0] == UInt8(ascii: "\\"), digits[1] == UInt8(ascii: "x") else {
            return nil
        }
        let bytes = stride(from: 2, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
        return bytes.count == digits.count / 2 - 1 ? bytes : nil
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return "\\x" + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

import Cryptography
import FoundationEssentials
import Tenancy
import Testing

@testable import AuthServer

@Suite("Sealed columns on their way between two deployments") struct SealedColumnsTests {
    private static let tenant = "11111111-1111-4111-8111-111111111111"

    private static func row(_ sealed: String) -> String {
        #"{"tenant_id":"\#(tenant)","key_id":"k1","state":"retiring","sealed_private_key":\#(sealed)}"#
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        #""\\x"# + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\""
    }

    @Test(
        "A value that is neither text nor null is refused, and so is one that does not open",
        arguments: ["0", "1.5", "true", "false", "[]", "{}", #"["\\x00"]"#, #""""#, #""0""#, #""\\x""#, #""\\x00""#])
    func refused(value: String) throws {
        let (old, new) = (try SealingKeyForTests.make(), try SealingKeyForTests.make())
        #expect(throws: CommandFailure.self) { try SealedColumns.reseal(Self.row(value), of: "auth.signing_key", from: old, to: new) }
    }

    @Test("A row without the column, or with it twice, is refused") func missing() throws {
        let key = try SealingKeyForTests.make()
        for row in [
            #"{"tenant_id":"\#(Self.tenant)","key_id":"k1"}"#, #"{"key_id":"k1","sealed_private_key":null,"sealed_private_key":0}"#,
        ] {
            #expect(throws: CommandFailure.self) { try SealedColumns.reseal(row, of: "auth.signing_key", from: key, to: key) }
        }
    }

    @Test("Null passes, as of a key that is retired; a sealed value opens with the new key alone, and only where it belongs")
    func resealed() throws {
        let (old, new) = (try SealingKeyForTests.make(), try SealingKeyForTests.make())
        #expect(try SealedColumns.reseal(Self.row("null"), of: "auth.signing_key", from: old, to: new) == Self.row("null"))
        let tenant = try #require(TenantID(Self.tenant))
        let sealed = try old.seal([1, 2, 3], authenticating: KeyVault.context(tenant, "k1"))
        let row = Self.row(Self.hexadecimal(sealed))
        let resealed = try SealedColumns.reseal(row, of: "auth.signing_key", from: old, to: new)
        #expect(resealed != row)
        #expect(try SealedColumns.reseal(resealed, of: "auth.signing_key", from: new, to: old) != resealed)
        #expect(throws: CommandFailure.self) { try SealedColumns.reseal(resealed, of: "auth.signing_key", from: old, to: new) }
        let elsewhere = resealed.replacing("k1", with: "k2")
        #expect(throws: CommandFailure.self) { try SealedColumns.reseal(elsewhere, of: "auth.signing_key", from: new, to: old) }
    }
}

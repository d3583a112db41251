import FoundationEssentials
import JOSE
import Tenancy
import Testing

@Suite("Tenant names") struct TenantSlugTests {
    @Test("Accepted", arguments: ["a", "acme", "acme-2", "0", String(repeating: "x", count: 63)])
    func accepted(text: String) throws {
        #expect(try TenantSlug(text).rawValue == text)
    }

    @Test("Refused", arguments: ["", "Acme", "-a", "a-", "a_b", "a.b", "a/b", "ä", "a b", "a%20", "..", String(repeating: "x", count: 64)])
    func refused(text: String) {
        #expect(throws: TenancyError.self) { try TenantSlug(text) }
    }
}

@Suite("Where a request names its tenant") struct TenantHintsTests {
    private let acme = Tenant(
        id: TenantID(UUID()), slug: .system, name: "system", isDisabled: false, signingAlgorithm: .es256
    )

    @Test(
        "A subdomain of the base host is a tenant; nothing else is",
        arguments: [
            ("acme.id.example", "acme"), ("id.example", nil), ("other.example", nil), ("x.acme.id.example", nil), ("evilid.example", nil),
            ("127.0.0.1", nil), ("", nil),
        ])
    func subdomain(host: String, slug: String?) throws {
        let hints = try TenantHints(path: nil, header: nil, host: host, baseHost: "id.example")
        #expect(try hints.names == (slug.map { [.slug(try TenantSlug($0))] } ?? []))
    }

    @Test("Hints that name another tenant do not agree") func disagreement() throws {
        let agreeing = try TenantHints(path: "system", header: acme.id.description, host: "system.id.example", baseHost: "id.example")
        #expect(agreeing.agree(with: acme))
        for (path, header, host) in [
            ("system", "globex", nil), ("globex", "system", nil), ("system", UUID().uuidString, nil), ("system", nil, "globex.id.example"),
        ] as [(String?, String?, String?)] {
            let hints = try TenantHints(path: path, header: header, host: host, baseHost: "id.example")
            #expect(!hints.agree(with: acme), "\(hints)")
        }
    }

    @Test("A malformed name is nobody's", arguments: ["", "Acme", "a/b", "acme ", "'; DROP TABLE tenant; --"])
    func malformed(name: String) {
        #expect(throws: TenancyError.self) { try TenantHints(path: name, header: nil, host: nil, baseHost: "id.example") }
        #expect(throws: TenancyError.self) { try TenantHints(path: nil, header: name, host: nil, baseHost: "id.example") }
    }
}

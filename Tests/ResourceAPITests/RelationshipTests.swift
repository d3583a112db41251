import JSON
import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

@Suite("Relationships in the catalog", .enabled(if: TestDatabase.isConfigured)) struct RelationshipTests {
    private static let people: [SQL] = [
        "CREATE TABLE api.people (id int PRIMARY KEY, boss int, name text)", "SELECT sallyport.enable_tenancy('api.people')",
        "ALTER TABLE api.people ADD CONSTRAINT boss FOREIGN KEY (tenant_id, boss) REFERENCES api.people (tenant_id, id)",
        "CREATE TABLE api.badges (id int PRIMARY KEY, person int NOT NULL, currency text)", "SELECT sallyport.enable_tenancy('api.badges')",
        """
        ALTER TABLE api.badges ADD CONSTRAINT wearer FOREIGN KEY (tenant_id, person) REFERENCES api.people (tenant_id, id),
            ADD CONSTRAINT worth FOREIGN KEY (currency) REFERENCES api.currencies (code), ADD UNIQUE (tenant_id, person)
        """,
        "CREATE TABLE api.teams (id int PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.teams')",
        """
        CREATE TABLE api.members (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), person int, team int, since date,
            CONSTRAINT members_pkey PRIMARY KEY (tenant_id, person, team),
            CONSTRAINT who FOREIGN KEY (tenant_id, person) REFERENCES api.people (tenant_id, id),
            CONSTRAINT which FOREIGN KEY (tenant_id, team) REFERENCES api.teams (tenant_id, id))
        """, "SELECT sallyport.enable_tenancy('api.members')",
    ]

    private static func words(_ relationships: [Relationship]) -> Set<String> {
        Set(
            relationships.map { relationship in
                switch relationship.cardinality {
                case .manyToOne(let name, let pairs): "many to one \(name) \(words(pairs))"
                case .oneToMany(let name, let pairs): "one to many \(name) \(words(pairs))"
                case .oneToOne(let name, let pairs, let isParent): "one to one \(name) \(words(pairs))\(isParent ? ", parent" : "")"
                case .manyToMany(let junction):
                    "many to many by \(junction.table.name.string): \(junction.sourceConstraint) \(words(junction.sourceColumns)), "
                        + "\(junction.targetConstraint) \(words(junction.targetColumns))"
                case .computed(let function, let isToOne): "computed \(function.name)\(isToOne ? ", one" : "")"
                }
            })
    }

    private static func words(_ pairs: [Relationship.ColumnPair]) -> String {
        pairs.map { "\($0.local)=\($0.foreign)" }.joined(separator: ",")
    }

    @Test("follow foreign keys both ways, itself, unique ones and junctions") func cardinalities() async throws {
        try await CatalogFixture.with(Self.people) { fixture async throws in
            #expect(fixture.catalog.refusals.isEmpty)
            func words(_ source: String, _ target: String) -> Set<String> { Self.words(fixture.relationships(source, target)) }
            #expect(words("people", "people") == ["many to one boss boss=id", "one to many boss id=boss"])
            #expect(words("badges", "people") == ["one to one wearer person=id"])
            #expect(words("people", "badges") == ["one to one wearer id=person, parent"])
            #expect(words("badges", "currencies") == ["many to one worth currency=code"])
            #expect(words("currencies", "badges") == ["one to many worth code=currency"])
            #expect(words("members", "people") == ["many to one who person=id"])
            #expect(words("people", "teams") == ["many to many by members: who id=person, which team=id"])
            #expect(words("teams", "people") == ["many to many by members: which id=team, who person=id"])
            #expect(words("people", "currencies").isEmpty, "badges are no junction: the key is another")
            let people = try #require(fixture.catalog.relationships[RelationID(schema: "api", name: "people")])
            #expect(people.allSatisfy { !"\($0)".contains("tenant_id") })
        }
    }

    @Test("are to one only by unique keys of all rows and of these columns alone") func uniqueness() async throws {
        let cases: [(SQL, Bool)] = [
            ("CREATE UNIQUE INDEX ON api.notes (tenant_id, person)", true), ("CREATE UNIQUE INDEX ON api.notes (person, tenant_id)", true),
            ("CREATE UNIQUE INDEX ON api.notes (tenant_id, person) WHERE kind = 'main'", false),
            ("CREATE UNIQUE INDEX ON api.notes (tenant_id, person, kind)", false),
            ("CREATE UNIQUE INDEX ON api.notes (tenant_id, abs(person))", false), ("CREATE INDEX ON api.notes (tenant_id, person)", false),
            ("ALTER TABLE api.notes ADD UNIQUE (tenant_id, person) DEFERRABLE", false),
        ]
        for (index, isOne) in cases {
            try await CatalogFixture.with(
                Self.people + [
                    "CREATE TABLE api.notes (id int PRIMARY KEY, person int, kind text)", "SELECT sallyport.enable_tenancy('api.notes')",
                    "ALTER TABLE api.notes ADD FOREIGN KEY (tenant_id, person) REFERENCES api.people (tenant_id, id)", index,
                ]
            ) { fixture async throws in
                #expect(fixture.relationships("people", "notes").map(\.isToOne) == [isOne], "\(index.text)")
            }
        }
    }

    @Test("go through views, junctions that are views too") func views() async throws {
        try await CatalogFixture.with(
            Self.people + [
                "CREATE VIEW api.staff WITH (security_invoker = true) AS SELECT id AS number, boss AS chief FROM api.people",
                "CREATE VIEW api.belonging WITH (security_invoker = true) AS SELECT person AS p, team AS t FROM api.members",
                """
                CREATE VIEW api.wearers WITH (security_invoker = true) AS
                    SELECT b.id, b.person, p.id AS whose, p.name FROM api.badges b JOIN api.people p ON p.id = b.person
                """,
                "SELECT sallyport.enable_tenancy('api.staff'), sallyport.enable_tenancy('api.belonging'), sallyport.enable_tenancy('api.wearers')",
            ]
        ) { fixture async throws in
            func words(_ source: String, _ target: String) -> Set<String> { Self.words(fixture.relationships(source, target)) }
            #expect(words("staff", "staff") == ["many to one boss chief=number", "one to many boss number=chief"])
            #expect(words("staff", "people").contains("many to one boss chief=id"))
            #expect(words("belonging", "staff") == ["many to one who p=number"])
            #expect(
                words("staff", "teams") == [
                    "many to many by members: who number=person, which team=id", "many to many by belonging: who number=p, which t=id",
                ])
            #expect(words("wearers", "wearers").isEmpty)
            #expect(words("wearers", "staff").contains("many to one wearer person=number"), "a join may repeat what is unique")
        }
    }

    @Test("are declared by functions of a row, and so are columns") func computed() async throws {
        try await CatalogFixture.with(
            Self.people + [
                "CREATE FUNCTION api.shout(p api.people) RETURNS text LANGUAGE sql STABLE RETURN upper(p.name)",
                """
                CREATE FUNCTION api.reports(p api.people) RETURNS SETOF api.people LANGUAGE sql STABLE
                    AS 'SELECT * FROM api.people WHERE boss = p.id'
                """,
                """
                CREATE FUNCTION api.superior(p api.people) RETURNS SETOF api.people LANGUAGE sql STABLE ROWS 1
                    AS 'SELECT * FROM api.people WHERE id = p.boss'
                """, "CREATE FUNCTION api.undeclared(p api.people) RETURNS text LANGUAGE sql STABLE RETURN p.name",
                "GRANT EXECUTE ON FUNCTION api.undeclared(api.people) TO sallyport_api, PUBLIC",
                "SELECT sallyport.expose('api.shout(api.people)'), sallyport.expose('api.reports(api.people)')",
                "SELECT sallyport.expose('api.superior(api.people)')",
            ]
        ) { fixture async throws in
            let people = RelationID(schema: "api", name: "people")
            #expect(fixture.catalog.computedColumns[people]?.map(\.name) == ["shout"])
            let computed = Self.words(fixture.relationships("people", "people")).filter { $0.hasPrefix("computed") }
            #expect(computed == ["computed reports", "computed superior, one"])
            let functions = Set((fixture.catalog.functions["api"] ?? [:]).keys)
            #expect(functions.isSuperset(of: ["reports", "shout", "superior"]))
            #expect(fixture.catalog.functions["api"]?["undeclared"] == nil)
        }
    }
}

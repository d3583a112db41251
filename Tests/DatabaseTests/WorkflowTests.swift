import FoundationEssentials
import Postgres
import TestSupport
import Testing

@Suite("Workflows", .enabled(if: TestDatabase.isConfigured)) struct WorkflowTests {
    private static let transitions = #"""
        {"": ["draft"], "draft": ["sent", "dropped"],
         "sent": [{"to": "paid", "role": ["manager", "owner"]}, {"to": "lost", "scope": "bills:write-off"}, "draft"]}
        """#

    private func prepare(_ database: FeatureDatabase, type: String = "text", _ transitions: String = transitions) async throws {
        for statement in [
            "CREATE TYPE api.bill_state AS ENUM ('draft', 'sent', 'paid', 'lost', 'dropped')",
            "CREATE TABLE api.bills (id int PRIMARY KEY, state \(type), note text)", "SELECT sallyport.enable_tenancy('api.bills')",
            "SELECT sallyport.enable_workflow('api.bills', 'state', '\(transitions)')",
            "SELECT sallyport.enable_workflow('api.bills', 'state', '\(transitions)')",
        ] { #expect(try await database.declare(statement) == nil, "\(statement)") }
    }

    @Test("lets a column change along the transitions only", arguments: ["text", "api.bill_state"]) func transitions(type: String)
        async throws
    {
        let steps: [(from: String, to: String, role: String, scopes: String, state: String?, details: String?)] = [
            ("'draft'", "'sent'", "user", "", nil, nil), ("'draft'", "'draft'", "user", "", nil, nil),
            ("'draft'", "'paid'", "owner", "*:*", "PT409", "Allowed: sent, dropped."),
            ("'sent'", "'paid'", "user", "*:*", "PT403", "Allowed: paid, lost, draft."),
            ("'sent'", "'paid'", "user", "", "PT403", "Allowed: paid, lost, draft."),
            ("'sent'", "'paid'", "", "", "PT403", "Allowed: paid, lost, draft."),
            ("'sent'", "'paid'", "manager", "", nil, nil), ("'sent'", "'paid'", "owner", "", nil, nil),
            ("'sent'", "'lost'", "owner", "bills:write", "PT403", "Allowed: paid, lost, draft."),
            ("'sent'", "'lost'", "user", "bills:write-off", nil, nil),
            ("'sent'", "'dropped'", "owner", "*:*", "PT409", "Allowed: paid, lost, draft."),
            ("'paid'", "'draft'", "owner", "*:*", "PT409", "No other state is allowed."),
            ("'draft'", "NULL", "owner", "*:*", "PT409", "Allowed: sent, dropped."), ("NULL", "'draft'", "user", "", nil, nil),
            ("NULL", "'sent'", "owner", "*:*", "PT409", "Allowed: draft."),
        ]
        try await FeatureDatabase.with { database async throws in
            try await prepare(database, type: type)
            for (position, step) in steps.enumerated() {
                try await database.declare(
                    "ALTER TABLE api.bills DISABLE TRIGGER USER", "INSERT INTO api.bills VALUES (\(position), \(step.from))",
                    "ALTER TABLE api.bills ENABLE TRIGGER USER")
                let error = try await database.run(
                    "UPDATE api.bills SET state = \(step.to) WHERE id = \(position)",
                    settings: FeatureDatabase.settings(role: step.role, scopes: step.scopes))
                #expect(error?.sqlState.rawValue == step.state, "\(step)")
                if let details = step.details { #expect(error?.detail == details, "\(step)") }
            }
            #expect(
                try await database.run("UPDATE api.bills SET state = 'paid' WHERE id = 2")?.message
                    == "bills.state cannot change from \"draft\" to \"paid\"")
        }
    }

    @Test("lets a row begin in an initial state, or in none") func beginning() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            #expect(try await database.run("INSERT INTO api.bills VALUES (1, 'draft'), (2, NULL)") == nil)
            let error = try await database.run("INSERT INTO api.bills VALUES (3, 'draft'), (4, 'sent')")
            #expect(error?.sqlState.rawValue == "PT409")
            #expect(error?.message == "bills.state cannot begin as \"sent\"")
            #expect(error?.detail == "Allowed: draft.")
            // An upsert begins or changes, row by row.
            let upsert = "ON CONFLICT (tenant_id, id) DO UPDATE SET state = EXCLUDED.state"
            #expect(try await database.run("INSERT INTO api.bills VALUES (1, 'sent'), (5, 'draft') \(upsert)") == nil)
            #expect(try await database.run("INSERT INTO api.bills VALUES (1, 'draft'), (6, 'sent') \(upsert)") != nil)
            #expect(try await database.run("UPDATE api.bills SET note = 'x'") == nil)
            #expect(try await database.list("SELECT concat_ws(' ', id, state) FROM api.bills ORDER BY id") == ["1 sent", "2", "5 draft"])
        }
    }

    @Test("begins, where nothing is said, in the states to which none leads") func initialStates() async throws {
        let cases = [
            (#"{"a": ["b"], "b": ["c"]}"#, #"["a"]"#), (#"{"a": ["b"], "z": ["b", "z"]}"#, #"["a", "z"]"#),
            (#"{"": ["b"], "a": ["b"]}"#, #"["b"]"#),
            (#"{"": []}"#, "[]"), (#"{"a": []}"#, #"["a"]"#),
        ]
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            for (transitions, expected) in cases {
                #expect(try await database.declare("SELECT sallyport.enable_workflow('api.bills', 'state', '\(transitions)')") == nil)
                #expect(
                    try await database.list("SELECT workflow_transitions -> '' FROM sallyport.features('api.bills')")
                        == [expected], "\(transitions)")
            }
        }
    }

    @Test("refuses a declaration that it cannot read, and says why") func refusals() async throws {
        let cases = [
            (#"["a"]"#, "must be a JSON object"), (#"{"a": "b"}"#, "must be a list"), (#"{"a": [1]}"#, "cannot be read"),
            (#"{"a": [{"role": "x"}]}"#, "cannot be read"), (#"{"a": [{"to": "b", "rôle": "x"}]}"#, "cannot be read"),
            (#"{"a": [{"to": "b", "role": 1}]}"#, "cannot be read"), (#"{"a": [{"to": "b", "role": [1]}]}"#, "cannot be read"),
            (#"{"a": [{"to": "b", "scope": "x"}]}"#, "cannot be read"), (#"{"a": [""]}"#, "cannot be read"),
            (#"{"a": [null]}"#, "cannot be read"), (#"{"a": ["b"], "b": ["a"]}"#, "not known how a row begins"),
            (#"{}"#, "not known how a row begins"),
        ]
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            for (transitions, message) in cases {
                let error = try await database.declare("SELECT sallyport.enable_workflow('api.bills', 'state', '\(transitions)')")
                #expect(error?.message.contains(message) == true, "\(transitions): \(error?.debugDescription ?? "taken")")
                #expect(error?.hint?.isEmpty == false, "\(transitions)")
            }
            for (call, hint) in [
                ("'api.bills', 'nothing', '{\"a\": []}'", "ADD COLUMN nothing text"),
                ("'api.bills', 'note', '{\"a\": []}'", "DROP TRIGGER sallyport_workflow"),
                ("'api.currencies', 'name', '{\"a\": []}'", "enable_tenancy"),
            ] {
                #expect(try await database.declare("SELECT sallyport.enable_workflow(\(call))")?.hint?.contains(hint) == true, "\(call)")
            }
        }
    }

    @Test("fails closed when its column is renamed, and is not believed any more") func renamed() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            #expect(try await database.run("INSERT INTO api.bills VALUES (1, 'draft')") == nil)
            try await database.declare("ALTER TABLE api.bills RENAME state TO phase")
            #expect(try await database.list("SELECT workflow_column FROM sallyport.features('api.bills')") == [""])
            #expect(try await database.run("UPDATE api.bills SET phase = 'sent'")?.sqlState.rawValue == "PT500")
            #expect(try await database.run("INSERT INTO api.bills VALUES (2, 'draft')")?.sqlState.rawValue == "PT500")
            #expect(try await database.declare("SELECT sallyport.enable_workflow('api.bills', 'phase', '\(Self.transitions)')") == nil)
            #expect(try await database.run("UPDATE api.bills SET phase = 'sent'") == nil)
        }
    }

    @Test("holds on partitioned tables, also where the change moves the row, and under odd names") func oddTables() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                #"""
                CREATE TABLE api."b'""%s" (
                    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, "st'a""te" text, PRIMARY KEY (tenant_id, id, "st'a""te")
                ) PARTITION BY LIST ("st'a""te")
                """#,
                #"CREATE TABLE api.q1 PARTITION OF api."b'""%s" FOR VALUES IN ('it''s "new"', 'open\')"#,
                #"CREATE TABLE api.q2 PARTITION OF api."b'""%s" FOR VALUES IN ('done €')"#,
                #"SELECT sallyport.enable_tenancy('api."b''""%s"')"#,
                #"""
                SELECT sallyport.enable_workflow('api."b''""%s"', 'st''a"te',
                    '{"it''s \"new\"": ["open\\"], "open\\": [{"to": "done €", "role": "o''hara"}]}')
                """#,
            ] { #expect(try await database.declare(statement) == nil, "\(statement)") }
            #expect(
                try await database.list(#"SELECT workflow_transitions ->> 'open\' FROM sallyport.features('api."b''""%s"')"#)
                    == [#"["done €"]"#])
            #expect(try await database.run(#"INSERT INTO api."b'""%s" VALUES (DEFAULT, 1, 'it''s "new"')"#) == nil)
            #expect(try await database.run(#"INSERT INTO api."b'""%s" VALUES (DEFAULT, 2, 'done €')"#)?.sqlState.rawValue == "PT409")
            #expect(try await database.run(#"UPDATE api."b'""%s" SET "st'a""te" = 'done €'"#)?.sqlState.rawValue == "PT409")
            #expect(try await database.run(#"UPDATE api."b'""%s" SET "st'a""te" = 'open\'"#) == nil)
            #expect(try await database.run(#"UPDATE api."b'""%s" SET "st'a""te" = 'done €'"#)?.sqlState.rawValue == "PT403")
            let settings = FeatureDatabase.settings(role: "o'hara")
            #expect(try await database.run(#"UPDATE api."b'""%s" SET "st'a""te" = 'done €'"#, settings: settings) == nil)
        }
    }
}

@Suite("Maintained columns", .enabled(if: TestDatabase.isConfigured)) struct MaintainedColumnTests {
    private static let columns = "created_at timestamptz, created_by text, updated_at timestamptz, updated_by text"

    @Test("tell who made and last changed a row, whatever the client says") func maintaining() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                "CREATE TABLE api.memos (id int PRIMARY KEY, body text, \(Self.columns))", "SELECT sallyport.enable_tenancy('api.memos')",
                "SELECT sallyport.maintain('api.memos')", "SELECT sallyport.maintain('api.memos')",
            ] { #expect(try await database.declare(statement) == nil) }
            #expect(
                try await database.list("SELECT array_to_string(maintained_columns, ' ') FROM sallyport.features('api.memos')")
                    == ["created_at created_by updated_at updated_by"])
            let state = """
                SELECT concat_ws(' ', created_by, updated_by, created_at > now() - interval '1 minute', updated_at > now() - interval '1 minute',
                                 updated_at > created_at)
                  FROM api.memos
                """
            #expect(
                try await database.run("INSERT INTO api.memos VALUES (1, 'a', '2000-01-01', 'mallory', '2000-01-01', 'mallory')") == nil)
            #expect(try await database.list(state) == ["anna anna t t f"])
            #expect(
                try await database.run(
                    "UPDATE api.memos SET body = 'b', created_at = '2000-01-01', created_by = 'x', updated_at = NULL, updated_by = 'x'",
                    settings: FeatureDatabase.settings(subject: "bert")) == nil)
            #expect(try await database.list(state) == ["anna bert t t t"])
            #expect(
                try await database.run(
                    "INSERT INTO api.memos VALUES (1, 'c') ON CONFLICT (tenant_id, id) DO UPDATE SET created_by = EXCLUDED.created_by",
                    settings: FeatureDatabase.settings(subject: "cleo")) == nil)
            #expect(try await database.list(state) == ["anna cleo t t t"])
        }
    }

    @Test("are those that the table has; a uuid takes the user's id") func subset() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                "CREATE TABLE api.memos (id int PRIMARY KEY, created_by uuid, updated_at timestamp)",
                "SELECT sallyport.enable_tenancy('api.memos')", "SELECT sallyport.maintain('api.memos')",
            ] { #expect(try await database.declare(statement) == nil) }
            let user = "6f1c2a34-0000-4000-8000-000000000001"
            #expect(try await database.run("INSERT INTO api.memos VALUES (1)", settings: FeatureDatabase.settings(subject: user)) == nil)
            #expect(
                try await database.run("INSERT INTO api.memos VALUES (2)", settings: FeatureDatabase.settings(subject: "service")) == nil)
            #expect(try await database.list("SELECT created_by FROM api.memos ORDER BY id") == [user, ""])
            for (columns, hint) in [
                ("a int", "ADD COLUMN created_at"), ("created_at date", "TYPE timestamptz"), ("updated_by int", "TYPE text"),
            ] {
                #expect(
                    try await database.declare(
                        "CREATE TABLE api.x (id int PRIMARY KEY, \(columns))", "SELECT sallyport.enable_tenancy('api.x')") == nil)
                #expect(try await database.declare("SELECT sallyport.maintain('api.x')")?.hint?.contains(hint) == true, "\(columns)")
                try await database.declare("DROP TABLE api.x")
            }
        }
    }

    @Test("survive a move to another partition") func partitioned() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                "CREATE TABLE api.\"m'emos\" (id int, part int, \(Self.columns), PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
                "CREATE TABLE api.m1 PARTITION OF api.\"m'emos\" FOR VALUES IN (1)",
                "CREATE TABLE api.m2 PARTITION OF api.\"m'emos\" FOR VALUES IN (2)", "SELECT sallyport.enable_tenancy('api.\"m''emos\"')",
                "SELECT sallyport.maintain('api.\"m''emos\"')",
            ] { #expect(try await database.declare(statement) == nil, "\(statement)") }
            #expect(try await database.run("INSERT INTO api.\"m'emos\" (id, part) VALUES (1, 1), (2, 1)") == nil)
            #expect(
                try await database.run("UPDATE api.\"m'emos\" SET part = 2", settings: FeatureDatabase.settings(subject: "bert")) == nil)
            #expect(
                try await database.list(
                    "SELECT concat_ws(' ', id, part, created_by, updated_by, updated_at > created_at) FROM api.\"m'emos\" ORDER BY 1")
                    == ["1 2 anna bert t", "2 2 anna bert t"])
            #expect(
                try await database.run(
                    "UPDATE api.\"m'emos\" SET part = 1", "INSERT INTO api.\"m'emos\" (id, part, created_by) VALUES (3, 2, 'mallory')")
                    == nil)
            #expect(try await database.list("SELECT created_by FROM api.\"m'emos\" ORDER BY id") == ["anna", "anna", "anna"])
        }
    }
}

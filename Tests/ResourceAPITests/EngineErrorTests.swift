import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex

@Suite("What a trigger raises, and what the client hears of it", .enabled(if: TestDatabase.isConfigured)) struct EngineErrorTests {
    /// A row names the SQLSTATE, message, detail and hint of the exception that its insertion raises.
    private static let setup: [SQL] = [
        """
        CREATE TABLE api.alarms (
            id uuid NOT NULL DEFAULT gen_random_uuid(),
            state text, message text, detail text DEFAULT '', hint text DEFAULT '',
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(),
            PRIMARY KEY (tenant_id, id)
        )
        """,
        "SELECT sallyport.enable_tenancy('api.alarms')",
        """
        CREATE FUNCTION api.ring() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.state IS NULL THEN RETURN NEW; END IF;
            RAISE EXCEPTION USING ERRCODE = NEW.state, MESSAGE = NEW.message, DETAIL = NEW.detail, HINT = NEW.hint;
        END $$
        """,
        "CREATE TRIGGER ring BEFORE INSERT ON api.alarms FOR EACH ROW EXECUTE FUNCTION api.ring()",
    ]

    @Test("has a status by its SQLSTATE, and the developer's words unless they tell of tenants") func statuses() async throws {
        try await TestAPI.with(setup: Self.setup) { api async throws in
            let cases: [(state: String, message: String, status: Int, code: String, told: String?)] = [
                ("P0001", "no more alarms", 400, "P0001", "no more alarms"), ("PT402", "pay first", 402, "PT402", "pay first"),
                ("PT404", "gone", 404, "PT404", "gone"), ("PT999", "odd", 500, "PGRST500", "Internal error"),
                ("PTABC", "odd", 500, "PGRST500", "Internal error"), ("P0001", "of tenant_id 7", 400, "P0001", "refused"),
                ("P0001", "sallyport.x", 400, "P0001", "refused"), ("P0004", "assertion", 500, "P0004", "The function failed"),
                ("42501", "x", 403, "42501", "permission denied for table alarms"),
                ("25006", "read-only now", 405, "25006", "read-only now"),
                ("40001", "x", 503, "40001", "The row is being changed by another request"),
                ("28000", "x", 403, "28000", "permission denied"),
                ("57014", "x", 504, "57014", "The statement took too long"), ("53400", "x", 503, "53400", "The database cannot be reached"),
                ("XX001", "page 7 of tenant", 500, "PGRST500", "Internal error"), ("22023", "too odd", 400, "22023", "too odd"),
                ("54001", "stack", 400, "54001", "A value is too large for an index, or the request for one statement"),
                ("PGRST", "not json", 500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"),
            ]
            for (state, message, status, code, told) in cases {
                let body = JSONValue.object(["state": .string(state), "message": .string(message)]).serialized()
                for prefer in ["", "return=representation"] {
                    let answer = try await api.send(
                        acme, .insert, "alarms", prefer: prefer, body: String(decoding: body, as: UTF8.self))
                    #expect(
                        answer.status == status && answer.code == code && answer.error?.message == told,
                        "\(state) \(message): \(answer.text)")
                }
            }
            for tenant in [acme, globex] { #expect(try await api.send(tenant, .read, "alarms").text == "[]") }
        }
    }

    @Test("may be a whole answer, with status and headers that are fit to be sent") func wholeAnswers() async throws {
        try await TestAPI.with(setup: Self.setup) { api async throws in
            func raise(_ message: String, _ detail: String) async throws -> TestAPI.Answer {
                let body = JSONValue.object(["state": "PGRST", "message": .string(message), "detail": .string(detail)]).serialized()
                return try await api.send(acme, .insert, "alarms", body: String(decoding: body, as: UTF8.self))
            }
            let message = #"{"code":"123","message":"Payment Required","details":"Quota exceeded","hint":"Upgrade your plan"}"#
            let answer = try await raise(message, #"{"status":402,"headers":{"X-Powered-By":"Nerd Rage","Retry-After":"5"}}"#)
            #expect(answer.status == 402 && answer.text == message)
            #expect(answer.error?.headers.map(\.name) == ["X-Powered-By", "Retry-After"])
            #expect(
                try await raise(#"{"code":"1","message":"m"}"#, #"{"status":418}"#).text
                    == #"{"code":"1","message":"m","details":null,"hint":null}"#)
            for (message, detail) in [
                (message, ""), (message, "{}"), (message, #"{"status":99,"headers":{}}"#), (message, #"{"status":600,"headers":{}}"#),
                (message, #"{"status":"402","headers":{}}"#), (#"{"code":"1"}"#, #"{"status":402,"headers":{}}"#),
                (message, #"{"status":402,"headers":{"X":"a\r\nSet-Cookie: b"}}"#), (message, #"{"status":402,"headers":{"X Y":"a"}}"#),
                (message, #"{"status":402,"headers":{"Content-Length":"0"}}"#), (message, #"{"status":402,"headers":{"X":1}}"#),
                (message, #"{"status":402,"headers":[]}"#),
            ] {
                let refused = try await raise(message, detail)
                #expect(refused.status == 500 && refused.code == "PGRST121", "\(detail)")
            }
        }
    }
}

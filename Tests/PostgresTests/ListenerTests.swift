import FoundationEssentials
import Glibc
import Logging
import Postgres
import Testing

@Suite("LISTEN and NOTIFY") struct ListenerTests {
    @Test("Notifications arrive in order, and a broken connection is told and replaced") func notifications() async throws {
        try await TestDatabase.withPool { pool, database in
            var configuration = database.configuration
            configuration.applicationName = "listener"
            let listener = try PostgresListener(configuration, channels: ["one", "Two words"], logger: TestDatabase.quiet)
            let running = Task { try await listener.run() }
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .connected)
            for index in 0..<100 { try await pool.execute("SELECT pg_notify('one', \(String(index)))") }
            for index in 0..<100 { #expect(await events.next() == .notification(channel: "one", payload: String(index))) }
            try await pool.execute("SELECT pg_notify('Two words', 'ü')")
            #expect(await events.next() == .notification(channel: "Two words", payload: "ü"))

            try await database.terminateBackends(applicationName: "listener")
            #expect(await events.next() == .disconnected)
            #expect(await events.next() == .connected)
            try await pool.execute("SELECT pg_notify('one', 'again')")
            #expect(await events.next() == .notification(channel: "one", payload: "again"))
            running.cancel()
            try await running.value
            while let event = await events.next() { #expect(event == .disconnected) }
        }
    }

    @Test("A sign of life comes after every notification of what was committed before the question") func signsOfLife() async throws {
        try await TestDatabase.withPool { pool, database in
            let listener = try PostgresListener(
                database.configuration, channels: ["one"], heartbeatInterval: .milliseconds(50), reportsHeartbeats: true,
                logger: TestDatabase.quiet)
            let running = Task { try await listener.run() }
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .connected)
            for round in 0..<10 {
                try await pool.execute("SELECT pg_notify('one', \(String(round)))")
                let committed = ContinuousClock.now
                var heard = false
                while let event = await events.next() {
                    if event == .notification(channel: "one", payload: String(round)) { heard = true }
                    guard case .heartbeat(let asked) = event, asked >= committed else { continue }
                    #expect(heard, "in round \(round)")
                    break
                }
            }
            running.cancel()
            try await running.value
        }
    }

    @Test("A server process that falls silent is noticed by the heartbeat") func heartbeat() async throws {
        try await TestDatabase.withPool { pool, database in
            var configuration = database.configuration
            configuration.applicationName = "silent"
            let listener = try PostgresListener(
                configuration, channels: ["one"], heartbeatInterval: .milliseconds(200), logger: TestDatabase.quiet)
            let running = Task { try await listener.run() }
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .connected)
            try await Task.sleep(for: .milliseconds(700))
            let process = try await pool.queryOne(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'silent' AND datname = current_database()", as: Int32.self)
            guard kill(process, SIGSTOP) == 0 else { return running.cancel() }
            defer { kill(process, SIGCONT) }
            #expect(await events.next() == .disconnected)
            #expect(await events.next() == .connected)
            running.cancel()
            try await running.value
        }
    }

    @Test("Overflow is reported as a gap") func overflow() async throws {
        try await TestDatabase.withPool { pool, database in
            let listener = try PostgresListener(database.configuration, channels: ["one"], bufferLimit: 10, logger: TestDatabase.quiet)
            let running = Task { try await listener.run() }
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .connected)
            try await pool.execute("SELECT pg_notify('one', i::text) FROM generate_series(1, 1000) i")
            try await Task.sleep(for: .milliseconds(300))
            #expect(await events.next() == .disconnected)
            #expect(await events.next() == .connected)
            running.cancel()
            try await running.value
        }
    }
}

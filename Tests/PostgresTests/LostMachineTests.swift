import Glibc
import Testing

@testable import Postgres

@Suite("A machine that says nothing any more") struct LostMachineTests {
    /// What the kernel was told: it alone can tell a machine without power from one that takes its time.
    @Test("The kernel gives it up before revocations have gone unheard for five seconds", arguments: [true, false])
    func givenUp(isByDefault: Bool) async throws {
        let server = try DyingServer(severity: "FATAL", sqlState: "57P01")
        defer { server.stop() }
        let target = server.connectionString + (isByDefault ? "" : " tcp_user_timeout=9000 keepalives_idle=7")
        let connection = try BlockingConnection(ConnectionTarget(TestDatabase.configuration(target)))
        #expect(option(TCP_USER_TIMEOUT, of: connection.socket) == (isByDefault ? 4000 : 9000), "with a request under way")
        #expect(option(TCP_KEEPIDLE, of: connection.socket) == (isByDefault ? 2 : 7), "without one, so many seconds …")
        #expect(option(TCP_KEEPINTVL, of: connection.socket) == 1 && option(TCP_KEEPCNT, of: connection.socket) == 2, "… and two more")
    }

    private func option(_ name: Int32, of socket: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, Int32(IPPROTO_TCP), name, &value, &size) == 0 ? value : nil
    }
}

import Glibc
import Synchronization

@testable import Postgres

/// A server that lets everybody in, one after the other, and answers the first Sync of each session with one report, then hangs up:
/// PostgreSQL as it goes away, or a pooler that has lost it.
final class DyingServer: Sendable {
    let port: UInt16
    private let listening: Int32
    private let syncs = Atomic<Int>(0)
    private let report: [UInt8]

    /// Times that a request was received whole.
    var requests: Int { syncs.load(ordering: .acquiring) }

    init(severity: String, sqlState: String) throws {
        var fields: [UInt8] = []
        for (code, value) in [("S", severity), ("V", severity), ("C", sqlState), ("M", "the end")] {
            fields += Array(code.utf8) + Array(value.utf8) + [0]
        }
        report = Self.message("E", fields + [0])

        listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = listening
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) == 0 && listen(socket, 16) == 0 && getsockname(socket, address, &length) == 0
            }
        }
        guard isBound else { throw Failure() }
        port = UInt16(bigEndian: address.sin_port)
        try SystemThread.start(name: "dying-server") { self.serve() }
    }

    struct Failure: Error {}

    var connectionString: String { "host=127.0.0.1 port=\(port) user=u dbname=d sslmode=disable gssencmode=disable" }

    /// Ends serving once the session at hand has ended.
    func stop() {
        shutdown(listening, Int32(SHUT_RDWR))
    }

    private func serve() {
        while true {
            let session = accept(listening, nil, nil)
            guard session >= 0 else { break }
            self.talk(session)
            close(session)
        }
        close(listening)
    }

    private func talk(_ session: Int32) {
        // The start-up message has no type byte.
        guard let start = read(4, from: session), read(Self.length(start) - 4, from: session) != nil else { return }
        send(
            Self.message("R", [0, 0, 0, 0]) + Self.message("S", Array("client_encoding\0UTF8\0".utf8))
                + Self.message("K", [0, 0, 0, 1, 0, 0, 0, 1]) + Self.message("Z", Array("I".utf8)), to: session)
        while let head = read(5, from: session), read(Self.length(Array(head[1...])) - 4, from: session) != nil {
            guard head[0] == UInt8(ascii: "S") else { continue }
            syncs.wrappingAdd(1, ordering: .acquiringAndReleasing)
            return send(report, to: session)
        }
    }

    private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        let length = UInt32(body.count + 4)
        return [type.asciiValue ?? 0] + withUnsafeBytes(of: length.bigEndian) { Array($0) } + body
    }

    private static func length(_ bytes: [UInt8]) -> Int {
        bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    private func read(_ count: Int, from session: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < count {
            let received = recv(session, &piece, min(piece.count, count - bytes.count), 0)
            guard received > 0 else { return nil }
            bytes += piece[..<received]
        }
        return bytes
    }

    private func send(_ bytes: [UInt8], to session: Int32) {
        _ = Glibc.send(session, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

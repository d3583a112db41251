internal import Glibc
internal import Logging
internal import NIOCore
internal import Synchronization

/// The beginning of a server's end: answers become their connections' last, and no connection that the kernel has accepted is lost.
final class ServerDrain: Sendable {
    private let load: ServerLoad
    private let logger: Logger
    private let listener = Mutex<(any Channel)?>(nil)

    init(_ load: ServerLoad, logger: Logger) {
        self.load = load
        self.logger = logger
    }

    /// - Parameter channel: the one that accepts.
    func listens(on channel: any Channel) {
        listener.withLock { $0 = channel }
    }

    /// Returns when the listening socket can be closed.
    func begin() async {
        load.drain()
        try? await Task.sleep(for: load.limits.drainNotice)
        guard let channel = listener.withLock({ $0 }) else { return }
        await refuseConnections(channel)
    }

    /// Closing a listening socket resets the connections that wait to be accepted, and with them requests that were already sent. So it is made
    /// deaf to new ones first, and what waits is accepted. Who knocks meanwhile tries again by itself within a second, and is refused then.
    private func refuseConnections(_ channel: any Channel) async {
        guard let socket = channel as? any SocketOptionProvider else { return }
        let program = UnsafeMutableBufferPointer<PacketFilter.Instruction>.allocate(capacity: PacketFilter.dropSYN.count)
        _ = program.initialize(from: PacketFilter.dropSYN)
        defer { program.deallocate() }
        let filter = PacketFilter(count: UInt16(program.count), instructions: UInt(bitPattern: program.baseAddress))
        do {
            try await socket.unsafeSetSocketOption(level: .socket, name: .init(rawValue: SO_ATTACH_FILTER), value: filter).get()
        } catch {
            logger.debug("no packet filter for the listening socket", metadata: ["error": "\(error)"])
        }
        // The last handshakes end and the loop sees what they brought: twice, as it may be at work.
        for _ in 0..<2 {
            try? await Task.sleep(for: .milliseconds(10))
            try? await channel.eventLoop.submit {}.get()
        }
    }
}

/// `struct sock_fprog` of <linux/filter.h>: a program of the classic packet filter, which the kernel copies.
private struct PacketFilter: Sendable {
    /// `struct sock_filter`
    struct Instruction: Sendable {
        let code: UInt16
        let whenTrue: UInt8
        let whenFalse: UInt8
        let operand: UInt32
    }

    let count: UInt16
    /// The address of the first instruction.
    let instructions: UInt

    /// A packet begins with its TCP header here. SYN without ACK opens a connection; everything else passes.
    static let dropSYN = [
        // A ← byte 13, the flags
        Instruction(code: 0x30, whenTrue: 0, whenFalse: 0, operand: 13),
        // A & (SYN | ACK)
        Instruction(code: 0x54, whenTrue: 0, whenFalse: 0, operand: 0x12),
        Instruction(code: 0x15, whenTrue: 0, whenFalse: 1, operand: 0x02),
        Instruction(code: 0x06, whenTrue: 0, whenFalse: 0, operand: 0),
        Instruction(code: 0x06, whenTrue: 0, whenFalse: 0, operand: .max),
    ]
}

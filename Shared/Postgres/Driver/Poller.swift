internal import CLibPQ
import Glibc

/// epoll over the driver's sockets. A token tells which socket an event is for; 0 is the wake-up descriptor.
final class Poller {
    private let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private static let capacity: Int32 = 64

    init(wakeUp: Int32) {
        descriptor = sp_epoll_create()
        precondition(descriptor >= 0, "epoll_create1 failed: no file descriptors left")
        events = .allocate(capacity: Int(Self.capacity))
        add(wakeUp, token: 0)
    }

    deinit {
        events.deallocate()
        close(descriptor)
    }

    func add(_ socket: Int32, token: UInt64) {
        _ = sp_epoll_control(descriptor, Int32(SP_EPOLL_ADD), socket, UInt32(SP_EPOLLIN), token)
    }

    func update(_ socket: Int32, token: UInt64, wantsWrite: Bool) {
        let interest = UInt32(SP_EPOLLIN | (wantsWrite ? SP_EPOLLOUT : 0))
        _ = sp_epoll_control(descriptor, Int32(SP_EPOLL_MOD), socket, interest, token)
    }

    func remove(_ socket: Int32) {
        _ = sp_epoll_control(descriptor, Int32(SP_EPOLL_DEL), socket, 0, 0)
    }

    /// Waits for at most `milliseconds` (-1: for ever) and returns the number of events.
    func wait(milliseconds: Int32) -> Int {
        Int(max(0, epoll_wait(descriptor, events, Self.capacity, milliseconds)))
    }

    func token(at index: Int) -> UInt64 { sp_epoll_token(events + index) }

    func isWritable(at index: Int) -> Bool { sp_epoll_events(events + index) & UInt32(SP_EPOLLOUT) != 0 }
}

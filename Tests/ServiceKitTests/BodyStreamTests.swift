import NIOCore
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Bodies that are still arriving") struct BodyStreamTests {
    @Test("Are read in order, up to their end") func order() async throws {
        let stream = BodyStream(wanted: {})
        async let read: [String] = {
            var parts: [String] = []
            for try await part in stream { parts.append(String(buffer: part)) }
            return parts
        }()
        for part in ["a", "b", "c"] { stream.receive(ByteBuffer(string: part)) }
        stream.finish()
        #expect(try await read.joined() == "abc")
    }

    @Test("Are full until they are read, and say once that more is wanted") func backPressure() async throws {
        let calls = Atomic<Int>(0)
        let stream = BodyStream(wanted: { calls.add(1, ordering: .relaxed) })
        var parts = 0
        while !stream.isFull {
            stream.receive(ByteBuffer(repeating: 0, count: 65_536))
            parts += 1
        }
        #expect(parts == 4)
        var iterator = stream.makeAsyncIterator()
        _ = try await iterator.next()
        #expect(!stream.isFull && calls.load(ordering: .relaxed) == 1)
        _ = try await iterator.next()
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test("Fail for whoever reads when their connection ends, after what had come") func failure() async throws {
        let stream = BodyStream(wanted: {})
        stream.receive(ByteBuffer(string: "a"))
        stream.fail(ChannelError.eof)
        stream.finish()
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next() == ByteBuffer(string: "a"))
        await #expect(throws: ChannelError.eof) { try await iterator.next() }
    }
}

import Glibc
import Synchronization
import Testing
import Turns

@Suite("Turns") struct TurnTests {
    /// Counts, and does what is asked of it while it is delivered.
    private final class Parcel: Delivery, @unchecked Sendable {
        let count = Atomic<Int>(0)
        var then: () -> Void = {}
        var delivered: Int { count.load(ordering: .relaxed) }

        func deliver() {
            count.wrappingAdd(1, ordering: .relaxed)
            then()
        }
    }

    @Test("Without a turn everything is delivered at once") func none() {
        let parcel = Parcel()
        Turn.deliver(parcel)
        #expect(parcel.delivered == 1)
    }

    @Test("In a turn it is delivered at the end, and after it at once again") func end() {
        let (turn, parcel) = (Turn(), Parcel())
        turn.begin()
        Turn.deliver(parcel)
        #expect(parcel.delivered == 0)
        turn.end()
        #expect(parcel.delivered == 1)
        Turn.deliver(parcel)
        #expect(parcel.delivered == 2)
    }

    @Test("Who asks for it several times is delivered once") func once() {
        let (turn, parcel) = (Turn(), Parcel())
        turn.begin()
        for _ in 0..<3 { Turn.deliver(parcel) }
        turn.end()
        #expect(parcel.delivered == 1)
    }

    @Test("What was put off can be delivered before the end, and is not delivered again") func midway() {
        let (turn, first, second) = (Turn(), Parcel(), Parcel())
        turn.begin()
        Turn.deliver(first)
        turn.deliver()
        Turn.deliver(second)
        #expect((first.delivered, second.delivered) == (1, 0))
        turn.end()
        #expect((first.delivered, second.delivered) == (1, 1))
    }

    @Test("What a delivery leads to is delivered with it, in a turn that begins meanwhile too") func chain() {
        let (turn, first, second, third) = (Turn(), Parcel(), Parcel(), Parcel())
        first.then = { Turn.deliver(second) }
        second.then = {
            turn.begin()
            Turn.deliver(third)
        }
        turn.begin()
        Turn.deliver(first)
        turn.end()
        #expect([first, second, third].map(\.delivered) == [1, 1, 1])
        turn.end()
        #expect([first, second, third].map(\.delivered) == [1, 1, 1])
    }

    @Test("Another thread's turn is not this one's") func threads() {
        let (turn, parcel) = (Turn(), Parcel())
        turn.begin()
        defer { turn.end() }
        var thread = pthread_t()
        let context = Unmanaged.passUnretained(parcel).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Turn.deliver(Unmanaged<Parcel>.fromOpaque(context).takeUnretainedValue()) }
                return nil
            }, context)
        pthread_join(thread, nil)
        #expect(parcel.delivered == 1)
    }
}

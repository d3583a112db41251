import Testing

@testable import ServiceKit

@Suite("The Date header") struct HTTPDateTests {
    @Test(
        "Is written as RFC 9110 §5.6.7 has it",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
        ]) func format(_ second: Int, _ text: String)
    {
        #expect(HTTPDate.format(second) == text)
    }
}

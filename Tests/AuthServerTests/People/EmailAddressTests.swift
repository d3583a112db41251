import Testing

@testable import AuthServer

@Suite("E-mail addresses") struct EmailAddressTests {
    @Test(
        "What is an address",
        arguments: [
            ("ann@example.com", true), ("ANN+x@Example.com", true), ("jürgen@bücher.example", true), ("用户@例子.example", true),
            ("straße@example.com", true), ("a@b", true), ("a@@b", false), ("@b", false), ("a@", false), ("a b@c", false),
            ("a\u{a0}b@c", false),
            ("a\u{7f}@c", false), ("JÜRGEN@example.com", false), ("İris@example.com", false), ("ıris@example.com", false),
            ("\u{212a}@example.com", false), ("\u{17f}am@example.com", false), ("Ωmega@example.com", false),
            (String(repeating: "x", count: 252) + "@b", true), (String(repeating: "x", count: 253) + "@b", false),
        ]) func acceptable(text: String, isAcceptable: Bool)
    {
        #expect(EmailAddress.isAcceptable(text) == isAcceptable)
    }

    @Test(
        "Which addresses are the same",
        arguments: [
            ("ann@example.com", "ANN@Example.COM", true), ("a[@x", "a{@x", false), ("a@x", "b@x", false), ("é@x", "e\u{301}@x", false),
            ("\u{212a}@x", "k@x", false), ("É@x", "é@x", false),
        ]) func same(left: String, right: String, areSame: Bool)
    {
        #expect(EmailAddress.areSame(left, right) == areSame)
    }
}

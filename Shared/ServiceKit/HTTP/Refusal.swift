public import Hummingbird

/// An error that says itself what the client may know: status, headers and body. Everything else becomes a 500 without detail.
public protocol Refusal: Error {
    func response() -> Response
    /// What the operator needs and the client may not see; never a secret or a token.
    var operatorDetail: String? { get }
}

extension Refusal {
    public var operatorDetail: String? { nil }
}

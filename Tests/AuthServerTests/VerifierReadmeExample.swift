import Logging
import SallyportVerifier

private struct Forbidden: Error {}

/// What Shared/Verifier/README.md shows: the lines between the marks are the same.
private func example(secret: String, bearer: String, logger: Logger) async throws -> String {
    // begin
    let verifier = try TokenVerifier(
        issuer: "https://id.example.com/t/acme", audience: "https://orders.example.com",
        credentials: .init(clientID: "orders", secret: secret), logger: logger)
    let listening = Task { try await verifier.run() }
    defer { listening.cancel() }

    let token = try await verifier.verify(bearer)
    guard token.allows("read", on: "orders") else { throw Forbidden() }
    return token.subject
    // end
}

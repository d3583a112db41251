import HTTPTypes
import Hummingbird
import ServiceKit

/// Sign-in is delayed after failures: 429, and when to come again.
struct TooManyAttempts: Refusal {
    let retryAfterSeconds: Int

    func response() -> Response {
        OAuthErrorResponse.make(
            "invalid_grant", "too many attempts; try again later", status: .tooManyRequests, headers: [.retryAfter: "\(retryAfterSeconds)"]
        )
    }
}

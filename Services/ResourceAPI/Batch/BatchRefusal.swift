import Hummingbird
import ServiceKit

/// Why nothing of a batch was done: the refusal of the operation at this place, with `index` as a fifth member.
struct BatchRefusal: Refusal {
    let error: APIError
    /// From 0.
    let index: Int

    func response() -> Response { ErrorResponses.make(error, body: error.serialized(index: index)) }
    var operatorDetail: String? { error.operatorDetail }
}

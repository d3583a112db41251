import HTTPTypes
import Hummingbird
import ServiceKit

/// Where a request came from, as far as the gateway may be believed: for sessions and the audit log.
struct RequestOrigin: Sendable, Hashable {
    let address: String
    let userAgent: String
    let requestID: String

    init(_ request: Request, _ context: ServiceContext) {
        address = String(context.clientAddress(request).prefix(64))
        userAgent = Self.printable(request.headers[.userAgent] ?? "")
        requestID = context.requestID
    }

    private init() {
        address = ""
        userAgent = ""
        requestID = ""
    }

    /// A command on the server's own machine.
    static let commandLine = RequestOrigin()

    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.prefix(400).map(Character.init))
    }
}

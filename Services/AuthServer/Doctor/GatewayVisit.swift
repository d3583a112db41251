import AsyncHTTPClient
import FoundationEssentials
import JSON
import NIOCore
import NIOHTTP1
import NIOSSL

/// What came back for one request; nil where nothing did.
struct GatewayAnswer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    var object: JSONObject? { (try? JSONValue(parsing: body))?.objectValue }

    /// Nil unless it is a text.
    func member(_ name: String) -> String? { object?[name]?.stringValue }
}

/// Asks the gateway as anybody outside could. Nothing is followed, nothing is sent that changes anything.
struct GatewayVisit: Sendable {
    typealias Ask = @Sendable (_ url: String, _ headers: [(String, String)]) async throws -> GatewayAnswer

    private static let maximumBytes = 1024 * 1024

    /// - Parameter authority: a PEM file with what signed the gateway's certificate, beside the system's own.
    static func with<R: Sendable>(authority: String?, _ body: (_ ask: @escaping Ask) async throws -> R) async throws -> R {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(10))
        if let authority {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.file(authority)]
            configuration.tlsConfiguration = tls
        }
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            try await body { url, headers in
                var request = HTTPClientRequest(url: url)
                for (name, value) in headers { request.headers.add(name: name, value: value) }
                let response = try await client.execute(request, timeout: .seconds(10))
                let bytes = try await response.body.collect(upTo: maximumBytes)
                return GatewayAnswer(status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
            }
        }
    }
}

import AsyncHTTPClient
import JOSE
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// Where the keys of clients come from.
protocol ClientKeySource: Sendable {
    func fetch(_ uri: KeySetURI) async throws -> JWKSet
}

/// Key sets over HTTP, from the internet only.
///
/// The host is looked up once, its address is checked, and the connection goes to that address: a name that means another address a moment
/// later leads nowhere. TLS still asks for a certificate of the name. No redirect is followed.
struct HTTPClientKeySource: ClientKeySource, Service {
    static let maximumBytes = 256 * 1024

    private let allowsPrivateAddresses: Bool
    private let timeout: Duration
    /// Looking up a name blocks; these threads do nothing else, and start with the first look-up.
    private let lookups = NIOThreadPool(numberOfThreads: 4)

    /// - Parameter timeout: for all of it, from the look-up of the name to the last byte.
    init(allowsPrivateAddresses: Bool, timeout: Duration = .seconds(5)) {
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.timeout = timeout
    }

    /// Keeps the threads until shutdown.
    func run() async throws {
        try? await gracefulShutdown()
        try await lookups.shutdownGracefully()
    }

    /// - Throws: ``ClientKeysUnavailable`` within the timeout, or what the connection threw.
    func fetch(_ uri: KeySetURI) async throws -> JWKSet {
        try await withThrowingTaskGroup(of: JWKSet.self) { group in
            group.addTask { try await get(uri, at: address(of: uri)) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw ClientKeysUnavailable(reason: "no answer within \(timeout)")
            }
            defer { group.cancelAll() }
            guard let set = try await group.next() else { throw CancellationError() }
            return set
        }
    }

    private func address(of uri: KeySetURI) async throws -> String {
        let found = try await lookUp(uri)
        guard let text = found.ipAddress else { throw ClientKeysUnavailable(reason: "the host has no address") }
        guard allowsPrivateAddresses || PublicAddresses.contains(found) else {
            throw ClientKeysUnavailable(reason: "the host's address \(text) is not public; see SALLYPORT_ALLOW_PRIVATE_JWKS_URIS")
        }
        return text
    }

    /// Ends when the task is cancelled, though the thread may go on.
    private func lookUp(_ uri: KeySetURI) async throws -> SocketAddress {
        let (results, continuation) = AsyncStream.makeStream(of: Result<SocketAddress, any Error>.self)
        lookups.start()
        lookups.submit { state in
            let result = Result { () throws -> SocketAddress in
                guard case .active = state else { throw CancellationError() }
                return try SocketAddress.makeAddressResolvingHost(uri.host, port: uri.port)
            }
            continuation.yield(result)
            continuation.finish()
        }
        for await result in results { return try result.get() }
        throw CancellationError()
    }

    private func get(_ uri: KeySetURI, at address: String) async throws -> JWKSet {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.dnsOverride = [uri.host: address]
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            var request = HTTPClientRequest(url: uri.text)
            request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
            let response = try await client.execute(request, deadline: .distantFuture)
            guard response.status == .ok else { throw ClientKeysUnavailable(reason: "the answer was status \(response.status.code)") }
            let body = try await response.body.collect(upTo: Self.maximumBytes)
            return try JWKSet(
                parsing: Array(body.readableBytesView), maximumBytes: Self.maximumBytes, maximumKeys: ClientKeySet.maximumKeys)
        }
    }
}

struct ClientKeysUnavailable: Error, CustomStringConvertible {
    let reason: String

    var description: String { "the key set cannot be fetched: \(reason)" }
}

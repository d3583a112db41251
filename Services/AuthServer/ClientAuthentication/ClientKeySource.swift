import AsyncHTTPClient
import Dispatch
import JOSE
import NIOCore
import NIOHTTP1

/// Where the keys of clients come from.
protocol ClientKeySource: Sendable {
    func fetch(_ uri: KeySetURI) async throws -> JWKSet
}

/// Key sets over HTTP, from the internet only.
///
/// The host is looked up once, its address is checked, and the connection goes to that address: a name that means another address a moment
/// later leads nowhere. TLS still asks for a certificate of the name. No redirect is followed.
struct HTTPClientKeySource: ClientKeySource {
    static let maximumBytes = 256 * 1024

    private let allowsPrivateAddresses: Bool
    private let timeout: Duration
    /// The address of a host; blocks.
    private let resolve: @Sendable (_ host: String, _ port: Int) throws -> SocketAddress

    /// - Parameter timeout: for all of it, from the look-up of the name to the last byte.
    init(
        allowsPrivateAddresses: Bool, timeout: Duration = .seconds(5),
        resolve: @Sendable @escaping (String, Int) throws -> SocketAddress = { try .makeAddressResolvingHost($0, port: $1) }
    ) {
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.timeout = timeout
        self.resolve = resolve
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
        // A serial queue of its own has a thread of its own while it works: none of those that tasks run on.
        DispatchQueue(label: "client-keys-lookup").async {
            continuation.yield(Result { try resolve(uri.host, uri.port) })
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

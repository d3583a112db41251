internal import AsyncHTTPClient
internal import FoundationEssentials
internal import JSON
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Revocation
internal import Synchronization
internal import Tenancy

/// Keeps the index in step with the tenant's revocations: `GET {issuer}/revocations` as server-sent events, again and again.
final class RevocationEvents: Sendable {
    private struct State {
        /// The last `id`.
        var position: String?
    }

    private let url: String
    private let authorization: String
    private let http: HTTPClient
    private let keys: IssuerKeys
    private let index: RevocationIndex
    private let logger: Logger
    private let state = Mutex(State())

    init(
        url: String, credentials: TokenVerifier.Credentials, http: HTTPClient, keys: IssuerKeys, index: RevocationIndex, logger: Logger
    ) {
        self.url = url
        authorization = Self.basic(credentials)
        self.http = http
        self.keys = keys
        self.index = index
        self.logger = logger
    }

    /// Until it is cancelled.
    func run() async {
        var pause = Duration.milliseconds(100)
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do {
                try await listen()
            } catch {
                logger.debug("revocations interrupted", metadata: ["error": "\(error)"])
            }
            pause = began.duration(to: .now) > .seconds(5) ? .milliseconds(100) : min(pause * 2, .seconds(2))
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
        }
    }

    /// Until the stream ends. A stream that is silent for three heartbeats is broken off by the client's read timeout.
    private func listen() async throws {
        let tenant = try await keys.containing(nil).tenant
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Authorization", value: authorization)
        request.headers.add(name: "Accept", value: "text/event-stream")
        if let position = state.withLock({ $0.position }) { request.headers.add(name: "Last-Event-ID", value: position) }
        let response = try await http.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw Refused(status: response.status.code) }
        var parser = EventParser()
        var wasTold = false
        for try await chunk in response.body {
            for item in try parser.read(chunk.readableBytesView) { try take(item, tenant, &wasTold) }
        }
    }

    /// - Parameter wasTold: whether this stream has told everything up to some moment: only then its heartbeats say something.
    private func take(_ item: EventParser.Item, _ tenant: TenantID, _ wasTold: inout Bool) throws {
        switch item {
        case .event("revocation", let data, _):
            guard let entry = RevocationEntry(event: data, of: tenant) else { throw Unreadable() }
            index.insert(entry)
        case .event("current", let data, let id):
            guard let lag = try JSONValue(parsing: Array(data.utf8)).objectValue?["lag"]?.doubleValue else { throw Unreadable() }
            state.withLock { $0.position = id ?? $0.position }
            wasTold = true
            try noteComplete(secondsAgo: lag)
        case .comment(let text):
            guard wasTold, text.hasPrefix("heartbeat lag="), let lag = Double(text.dropFirst("heartbeat lag=".count)) else { return }
            try noteComplete(secondsAgo: lag)
        case .event:
            break
        }
    }

    private func noteComplete(secondsAgo lag: Double) throws {
        guard (0...86_400).contains(lag) else { throw Unreadable() }
        let now = Int64(Date().timeIntervalSince1970)
        guard !index.hasForgotten(at: now) else {
            state.withLock { $0.position = nil }
            index.removeExpired(now: now)
            throw ClockWentBack()
        }
        index.isComplete(asOf: ContinuousClock.now - .seconds(lag))
        index.removeSomeExpired(now: now)
    }

    private struct Refused: Error {
        let status: UInt
    }

    /// An event of another version than this: what it revokes is not known, so nothing is believed.
    private struct Unreadable: Error {}

    /// Entries were dropped that live again: everything has to be told anew.
    private struct ClockWentBack: Error {}

    /// RFC 6749 §2.3.1.
    private static func basic(_ credentials: TokenVerifier.Credentials) -> String {
        let text = "\(escaped(credentials.clientID)):\(escaped(credentials.secret))"
        return "Basic " + Data(text.utf8).base64EncodedString()
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { escaped, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
    }
}

extension RevocationEntry {
    /// - Parameter data: `{"kind":…,"target":…,"not_before":…,"expires_at":…}`.
    fileprivate init?(event data: String, of tenant: TenantID) {
        guard let object = try? JSONValue(parsing: Array(data.utf8)).objectValue,
            let kind = object["kind"]?.stringValue.flatMap({ RevocationKind(rawValue: $0) }), let target = object["target"]?.stringValue,
            let notBefore = object["not_before"]?.intValue, let expiresAt = object["expires_at"]?.intValue
        else { return nil }
        self.init(kind: kind, tenant: tenant, target: target, notBefore: notBefore, expiresAt: expiresAt)
    }
}

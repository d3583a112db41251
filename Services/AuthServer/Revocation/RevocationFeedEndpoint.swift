import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import OAuth
import Revocation
import ServiceKit
import ServiceLifecycle
import Tenancy

/// `GET /t/{tenant}/revocations`: what has been revoked in the tenant, for its resource servers wherever they are.
///
/// - `Accept: text/event-stream`: server-sent events (HTML §9.2). Each entry is an event `revocation`; an event `current`, whose `id` is a
///   position, says that everything committed before has been told. A comment `heartbeat` says so again while nothing happens. `lag` is how many
///   seconds ago that was true when it was written.
/// - Otherwise JSON: `{"entries":[…],"position":"…","lag":…}`, after at most `wait` seconds if there is nothing new.
///
/// Both go on from the position in `Last-Event-ID` or `after`, and begin with the whole living log where there is none. An entry may be told
/// twice, never not at all.
struct RevocationFeedEndpoint: Sendable {
    static let path = "revocations"
    private static let longestWait = 30

    let requestTenant: RequestTenant
    let reader: RevocationReader
    let log: RevocationLog
    let index: RevocationIndex
    let streams: RevocationStreams
    let clock: WallClock

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath("t/:tenant/\(Self.path)"), [.get: revocations])
    }

    @Sendable private func revocations(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context).id
        let client = try await reader.admit(request.headers, to: tenant)
        let parameters = try FormParameters(parsing: Array((request.uri.query ?? "").utf8))
        let after = try Self.position(parameters["after"] ?? request.headers[.lastEventID])
        let wait = try Self.wait(parameters["wait"])
        guard index.isCurrent else {
            index.noteRefusal()
            throw OAuthError(.temporarilyUnavailable, "revocations are not known at the moment")
        }
        let listening = Listening(
            tenant: tenant, headers: request.headers, seat: try streams.join(client.id, of: tenant, on: context.channel),
            reader: reader, log: log, index: index, clock: clock
        )
        if Self.wantsEvents(request.headers[values: .accept]) {
            return Response(
                status: .ok,
                headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no"],
                body: ResponseBody { writer in
                    try await listening.tell(after: after, to: &writer)
                    try await writer.finish(nil)
                }
            )
        }
        let first = try await listening.first(after: after, wait: .seconds(wait))
        return Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try await listening.answer(first, after: after, to: &writer)
                try await writer.finish(nil)
            }
        )
    }

    private static func position(_ text: String?) throws(OAuthError) -> RevocationPosition? {
        guard let text, !text.isEmpty else { return nil }
        guard let position = RevocationPosition(text) else { throw OAuthError(.invalidRequest, "after is not a position") }
        return position
    }

    private static func wait(_ text: String?) throws(OAuthError) -> Int {
        guard let text else { return 0 }
        guard let seconds = Int(text), (0...longestWait).contains(seconds) else {
            throw OAuthError(.invalidRequest, "wait is not a whole number from 0 to \(longestWait)")
        }
        return seconds
    }

    private static func wantsEvents(_ accept: [String]) -> Bool {
        accept.flatMap { $0.split(separator: ",") }.contains { range in
            range.prefix { $0 != ";" }.split(separator: " ").first?.lowercased() == "text/event-stream"
        }
    }
}

/// One resource server's reading of its tenant's revocations.
private struct Listening: Sendable {
    let tenant: TenantID
    let headers: HTTPFields
    let seat: RevocationSeat
    let reader: RevocationReader
    let log: RevocationLog
    let index: RevocationIndex
    let clock: WallClock

    /// Events until the client goes, may listen no more, or this server stops or has lost touch with the log itself.
    @concurrent func tell(after start: RevocationPosition?, to writer: inout any ResponseBodyWriter) async throws {
        var position = try await tellNews(after: start, to: &writer)
        for await _ in seat.bells.cancelOnGracefulShutdown() {
            guard index.isCurrent, (try? await reader.admit(headers, to: tenant)) != nil else { return }
            // In this order: what was announced before the index was known to be complete is news by now.
            let complete = index.knownComplete
            if seat.takeNews() {
                position = try await tellNews(after: position, to: &writer)
            } else if let complete {
                try await seat.write(": heartbeat lag=\(complete.secondsAgo)\n\n", to: &writer)
            }
        }
    }

    @concurrent private func tellNews(
        after position: RevocationPosition?, to writer: inout any ResponseBodyWriter
    ) async throws -> RevocationPosition {
        let first = try await log.page(of: tenant, after: position, at: clock.now)
        var page = first
        while true {
            var text = ""
            for entry in page.entries { text += "event: revocation\ndata: \(entry.json)\n\n" }
            if page.next == nil { text += "event: current\nid: \(first.position)\ndata: {\"lag\":\(first.completeAsOf.secondsAgo)}\n\n" }
            try await seat.write(text, to: &writer)
            guard let place = page.next else { return first.position }
            page = try await log.page(of: tenant, after: position, from: place, at: clock.now)
        }
    }

    /// The first page with something to tell; without, when the wait is over.
    func first(after position: RevocationPosition?, wait: Duration) async throws -> RevocationLog.Page {
        let deadline = ContinuousClock.now + wait
        var page = try await log.page(of: tenant, after: position, at: clock.now)
        guard position != nil, page.entries.isEmpty, wait > .zero else { return page }
        for await _ in seat.bells.cancelOnGracefulShutdown() {
            let complete = index.knownComplete
            if seat.takeNews() {
                page = try await log.page(of: tenant, after: position, at: clock.now)
            } else if let complete {
                page.completeAsOf = max(page.completeAsOf, complete)
            }
            if !page.entries.isEmpty || ContinuousClock.now >= deadline { break }
        }
        _ = try await reader.admit(headers, to: tenant)
        guard index.isCurrent else { throw OAuthError(.temporarilyUnavailable, "revocations are not known at the moment") }
        return page
    }

    @concurrent func answer(_ first: RevocationLog.Page, after position: RevocationPosition?, to writer: inout any ResponseBodyWriter)
        async throws
    {
        var page = first
        var text = "{\"entries\":["
        var isFirst = true
        while true {
            for entry in page.entries {
                text += isFirst ? entry.json : "," + entry.json
                isFirst = false
            }
            if page.next == nil { text += "],\"position\":\"\(first.position)\",\"lag\":\(first.completeAsOf.secondsAgo)}" }
            try await seat.write(text, to: &writer)
            guard let place = page.next else { return }
            text = ""
            page = try await log.page(of: tenant, after: position, from: place, at: clock.now)
        }
    }
}

extension RevocationEntry {
    /// `kind`, `target`, `not_before` and `expires_at` in seconds since 1970; on one line.
    fileprivate var json: String {
        var json = JSONWriter(reserving: 128)
        json.beginObject()
        json.field("kind", kind.rawValue)
        json.field("target", target)
        json.field("not_before", notBefore)
        json.field("expires_at", expiresAt)
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

extension ContinuousClock.Instant {
    /// With thousandths.
    fileprivate var secondsAgo: Double {
        let (seconds, attoseconds) = duration(to: .now).components
        return Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1000
    }
}

extension HTTPField.Name {
    fileprivate static let lastEventID = literal("Last-Event-ID")
    fileprivate static let accelBuffering = literal("X-Accel-Buffering")
}

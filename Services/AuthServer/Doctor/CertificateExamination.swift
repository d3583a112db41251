import NIOCore
import NIOPosix
import NIOSSL
import ServiceKit

/// How long the gateway's certificate is still good.
struct CertificateExamination: Sendable {
    static let warningDays = 21
    static let errorDays = 3

    let host: String
    let port: Int

    /// When the certificate that the server shows ends, in seconds since 1970; nil where it shows none.
    func end() async throws -> Int64? {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: configuration)
        let group = MultiThreadedEventLoopGroup.singleton
        let end = group.next().makePromise(of: Int64?.self)
        let host = host
        let isAddress = (try? SocketAddress(ipAddress: host, port: port)) != nil
        let bootstrap = ClientBootstrap(group: group).connectTimeout(.seconds(5)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                // Verification is left to those who send something: here the connection ends once the certificate has been seen.
                let handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host) {
                    (certificates: [NIOSSLCertificate], verdict: EventLoopPromise<NIOSSLVerificationResult>) in
                    end.succeed(certificates.first.map { Int64($0.notValidAfter) })
                    verdict.succeed(NIOSSLVerificationResult.failed)
                }
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }
        do {
            let channel = try await bootstrap.connect(host: host, port: port).get()
            channel.closeFuture.whenComplete { _ in end.succeed(nil) }
            let closing = channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
            defer { closing.cancel() }
            return try await end.futureResult.get()
        } catch {
            end.succeed(nil)
            throw error
        }
    }

    func hazards(end: Int64, now: Int64) -> [Hazard] {
        let days = (end - now) / 86_400
        guard end - now < Int64(Self.warningDays) * 86_400 else { return [] }
        return [
            Hazard(
                severity: days < Self.errorDays ? .error : .warning, check: "certificate", object: "\(host):\(port)",
                problem: end <= now ? "shows a certificate that has expired" : "shows a certificate that ends in \(days) days",
                cure: "renew it, then: scripts/gateway reload")
        ]
    }
}

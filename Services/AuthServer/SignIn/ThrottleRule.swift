import Cryptography
import NIOCore
import OAuth
import Tenancy

/// What failed sign-ins have in common, and how patiently they are borne.
enum ThrottleKey: Sendable, Hashable {
    /// Whoever shares an address; an IPv6 network of 64 bits counts as one.
    case address(String)
    /// One address trying one e-mail address.
    case pair(email: String, address: String)
    /// Everybody who tries one e-mail address.
    case account(email: String)
    /// A browser in which the account has signed in before, by its mark: it answers for itself alone.
    case device(mark: String)
    /// A client's own login form, which everybody who uses it shares.
    case client(TenantID, ClientID)
    /// One e-mail address, tried through one client.
    case clientPair(email: String, TenantID, ClientID)
    /// Codes of a second factor: only who knows the password gets to try them.
    case secondFactor(AccountID)

    /// SHA-256, 32 bytes: what is stored.
    var hash: [UInt8] {
        switch self {
        case .address(let address): SHA256.hash("address:" + Self.network(address))
        case .pair(let email, let address): SHA256.hash("pair:\(EmailAddress.folded(email))\n\(Self.network(address))")
        case .account(let email): SHA256.hash("account:" + EmailAddress.folded(email))
        case .device(let mark): SHA256.hash("device:" + mark)
        case .client(let tenant, let client): SHA256.hash("client:\(tenant)\n\(client.rawValue)")
        case .clientPair(let email, let tenant, let client):
            SHA256.hash("client pair:\(EmailAddress.folded(email))\n\(tenant)\n\(client.rawValue)")
        case .secondFactor(let account): SHA256.hash("factor:\(account)")
        }
    }

    /// Whether people who have nothing to do with each other count under it.
    var isShared: Bool {
        switch self {
        case .address, .client: true
        case .pair, .account, .device, .clientPair, .secondFactor: false
        }
    }

    /// An attempt counts from its beginning until it proves right, so that guesses made at once do not pass together. What is free therefore
    /// also bounds how often one may rightly sign in at the same instant: in a browser a person does so once, a service behind a client
    /// perhaps eight times.
    var rule: ThrottleRule {
        switch self {
        case .address: ThrottleRule(freeAttempts: 20, maximumDelaySeconds: 900, forgivingSeconds: 60)
        case .pair: ThrottleRule(freeAttempts: 5, maximumDelaySeconds: 900, forgivingSeconds: 3600)
        // Short, so that strangers cannot keep the owner out.
        case .account: ThrottleRule(freeAttempts: 10, maximumDelaySeconds: 60, forgivingSeconds: 600)
        case .device: ThrottleRule(freeAttempts: 10, maximumDelaySeconds: 900, forgivingSeconds: 3600)
        // Against trying one password with many names: a guess a second in the long run. More would keep out all who use the client.
        case .client: ThrottleRule(freeAttempts: 100, maximumDelaySeconds: 2, forgivingSeconds: 1)
        // As short as the account's, since strangers come through the same client, but with a longer memory.
        case .clientPair: ThrottleRule(freeAttempts: 10, maximumDelaySeconds: 60, forgivingSeconds: 3600)
        case .secondFactor: ThrottleRule(freeAttempts: 5, maximumDelaySeconds: 900, forgivingSeconds: 3600)
        }
    }

    /// The first 64 bits of an IPv6 address; anything else as it is.
    static func network(_ address: String) -> String {
        guard case .v6 = try? SocketAddress(ipAddress: address, port: 0), let socket = try? SocketAddress(ipAddress: address, port: 0)
        else {
            return address
        }
        // struct sockaddr_in6: family, port, flow, then sixteen bytes of address.
        let bytes = socket.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size)[8..<24]) }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        if isMapped { return bytes.suffix(4).map { String($0) }.joined(separator: ".") }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}

/// Attempts that are free, then a delay that doubles with each further one: 1 s, 2 s, 4 s … to a maximum.
struct ThrottleRule: Sendable, Hashable {
    let freeAttempts: Int
    let maximumDelaySeconds: Int
    /// After this long without an attempt one of them is forgotten.
    let forgivingSeconds: Int
}

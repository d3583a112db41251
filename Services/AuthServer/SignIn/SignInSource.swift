import OAuth
import Tenancy

/// From where a password is tried: decides what the attempt counts against.
enum SignInSource: Sendable, Hashable {
    case browser(address: String)
    /// A browser in which the account has signed in before. What others do, behind the same address or with the same name, does not hold it
    /// up; its own failures do, so a stolen mark is no free pass.
    case knownDevice(mark: String)
    /// A client with a login form of its own (RFC 6749 §4.3). The address would be its back end's, and so everybody's.
    case client(ClientID, in: TenantID)

    func keys(email: String) -> [ThrottleKey] {
        switch self {
        case .browser(let address): [.address(address), .pair(email: email, address: address), .account(email: email)]
        case .knownDevice(let mark): [.device(mark: mark)]
        case .client(let client, let tenant):
            [.client(tenant, client), .clientPair(email: email, tenant, client), .account(email: email)]
        }
    }
}

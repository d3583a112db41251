/// Every place in which one request names its tenant, before any of them is believed.
///
/// The path `/t/{tenant}`, the `X-Tenant-ID` header (slug or id) and the subdomain of the base URL's host may each be absent;
/// two that disagree are an error, never a choice.
public struct TenantHints: Sendable, Hashable {
    public enum Name: Sendable, Hashable {
        case slug(TenantSlug)
        case id(TenantID)

        /// - Throws: ``TenancyError/unknownTenant``: a malformed name is nobody's.
        public init(_ text: String) throws(TenancyError) {
            if text.utf8.count == 36, let id = TenantID(text) {
                self = .id(id)
            } else if let slug = try? TenantSlug(text) {
                self = .slug(slug)
            } else {
                throw .unknownTenant
            }
        }
    }

    public private(set) var names: [Name] = []

    /// - Parameters:
    ///   - path: the segment behind `/t/`.
    ///   - header: the value of `X-Tenant-ID`.
    ///   - host: the requested host in lower case, without port.
    ///   - baseHost: the host of the base URL, whose direct subdomains are tenants.
    public init(path: String?, header: String?, host: String?, baseHost: String) throws(TenancyError) {
        if let path { names.append(.slug(try Self.slug(path))) }
        if let header { names.append(try Name(header)) }
        if let host, let label = Self.subdomain(of: baseHost, in: host) { names.append(.slug(try Self.slug(label))) }
    }

    private static func slug(_ text: String) throws(TenancyError) -> TenantSlug {
        guard let slug = try? TenantSlug(text) else { throw .unknownTenant }
        return slug
    }

    private static func subdomain(of baseHost: String, in host: String) -> String? {
        let (host, baseHost) = (host.utf8, baseHost.utf8)
        guard host.count > baseHost.count + 1, host.suffix(baseHost.count).elementsEqual(baseHost) else { return nil }
        let label = host.dropLast(baseHost.count)
        // The dot before the base host is the only one.
        guard let dot = label.firstIndex(of: UInt8(ascii: ".")), label[dot...].count == 1 else { return nil }
        return String(Substring(label[..<dot]))
    }

    /// Whether nothing here contradicts `tenant`.
    public func agree(with tenant: Tenant) -> Bool {
        names.allSatisfy { $0.names(tenant) }
    }
}

extension TenantHints.Name {
    public func names(_ tenant: Tenant) -> Bool {
        switch self {
        case .slug(let slug): tenant.slug == slug
        case .id(let id): tenant.id == id
        }
    }
}

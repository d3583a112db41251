internal import FoundationEssentials
internal import Glibc
public import ServiceLifecycle

/// The memory that only starting needed.
///
/// A server touches much of its binary once: configuration, command line, protocol conformances; and the kernel maps sixteen pages around
/// each one touched. Letting go of them costs some page faults, which the page cache answers, and takes a third off an idle service.
public struct StartupPages: Service {
    public init() {}

    /// Lets go once, when the service has been up for a second: its caches are filled and its connections made by then.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await Task.sleep(for: .seconds(1))
            Self.release()
        }
        try? await gracefulShutdown()
    }

    /// Unmaps the clean pages of read-only file mappings; what is still needed comes back page by page.
    private static func release() {
        guard let report = try? String(contentsOfFile: "/proc/self/smaps", encoding: .utf8) else { return }
        var mapping: Mapping?
        for line in report.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            if fields.count >= 5, fields[0].contains(UInt8(ascii: "-")) {
                mapping = Mapping(fields)
            } else if fields.count == 3, fields[0].elementsEqual("Anonymous:".utf8) {
                // A mapping with pages of its own holds relocations, which dropping would undo.
                if fields[1].elementsEqual("0".utf8) { mapping?.release() }
                mapping = nil
            }
        }
    }

    private struct Mapping {
        let address: UnsafeMutableRawPointer
        let byteCount: Int

        /// - Returns: nil unless it is a file's, private and not writable.
        init?(_ fields: [Substring.UTF8View.SubSequence]) {
            guard fields.count >= 6, fields[1].elementsEqual("r-xp".utf8) || fields[1].elementsEqual("r--p".utf8),
                fields[5].first == UInt8(ascii: "/"), let bounds = String(fields[0]), let dash = bounds.firstIndex(of: "-"),
                let start = UInt(bounds[..<dash], radix: 16), let end = UInt(bounds[bounds.index(after: dash)...], radix: 16),
                end > start, let address = UnsafeMutableRawPointer(bitPattern: start)
            else { return nil }
            self.address = address
            byteCount = Int(end - start)
        }

        func release() {
            madvise(address, byteCount, MADV_DONTNEED)
        }
    }
}

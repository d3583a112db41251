internal import FoundationEssentials
internal import Glibc

/// The pages of program text that only starting needed.
///
/// A server touches much of its binary once: configuration, command line, protocol conformances; and the kernel maps sixteen pages around
/// each one touched. Letting go of them costs a few page faults, which the page cache answers, and halves the resident memory of an idle service.
enum StartupPages {
    /// Unmaps the pages of all executable, read-only mappings of files; what is still needed comes back page by page.
    static func release() {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return }
        for line in maps.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            // Never a writable or once writable mapping: dropping relocated pages would drop the relocations.
            guard fields.count >= 6, fields[1].elementsEqual("r-xp".utf8), fields[5].first == UInt8(ascii: "/"),
                let bounds = String(fields[0]), let dash = bounds.utf8.firstIndex(of: UInt8(ascii: "-")),
                let start = UInt(bounds[..<dash], radix: 16), let end = UInt(bounds[bounds.utf8.index(after: dash)...], radix: 16),
                end > start, let address = UnsafeMutableRawPointer(bitPattern: start)
            else { continue }
            madvise(address, Int(end - start), MADV_RANDOM)
            madvise(address, Int(end - start), MADV_DONTNEED)
        }
    }
}

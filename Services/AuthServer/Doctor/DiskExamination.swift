import Glibc
import ServiceKit

/// Room on the file systems of directories.
enum DiskExamination {
    static func hazards(_ paths: [String]) -> [Hazard] {
        paths.flatMap { path -> [Hazard] in
            var found = statvfs()
            guard statvfs(path, &found) == 0 else {
                return [
                    Hazard(
                        severity: .warning, check: "disk", object: path, problem: "cannot be looked at",
                        cure: "give a directory that is there in --disk")
                ]
            }
            return hazards(path, "space", free: UInt64(found.f_bavail), of: UInt64(found.f_blocks))
                + hazards(path, "files", free: UInt64(found.f_favail), of: UInt64(found.f_files))
        }
    }

    /// A warning below a tenth, an error below three hundredths. File systems without a limit say 0.
    static func hazards(_ path: String, _ what: String, free: UInt64, of all: UInt64) -> [Hazard] {
        guard all > 0, free < all / 10 else { return [] }
        let percent = free * 100 / all
        return [
            Hazard(
                severity: percent < 3 ? .error : .warning, check: "disk", object: path, problem: "has \(percent) % of its \(what) left",
                cure: "make room, or give it a larger file system")
        ]
    }
}

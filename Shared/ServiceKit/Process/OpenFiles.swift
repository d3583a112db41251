internal import Glibc

/// How many files and sockets the process may have open.
public enum OpenFiles {
    /// Takes what the system allows: the limit that a process starts with is often 1024, for the sake of select(2), which nothing here uses.
    ///
    /// - Returns: the limit.
    @discardableResult
    public static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}

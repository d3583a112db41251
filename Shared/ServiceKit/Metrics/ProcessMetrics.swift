internal import FoundationEssentials
internal import Glibc

extension PrometheusRegistry {
    /// What the kernel knows of this process, under the names that Prometheus' own clients use, and what the program is.
    public func registerProcess(service: String) {
        register(.gauge, "sallyport_build_info", "Always 1; what is running is in the labels.") {
            [
                MetricSample(
                    1,
                    [
                        ("service", service), ("version", BuildInfo.version), ("swift", BuildInfo.swift),
                        ("configuration", BuildInfo.configuration),
                    ])
            ]
        }
        observeGauge("process_resident_memory_bytes", "Resident memory.") { ProcessStatistics.pages(1).map { $0 * Double(getpagesize()) } }
        observeGauge("process_virtual_memory_bytes", "Virtual memory.") { ProcessStatistics.pages(0).map { $0 * Double(getpagesize()) } }
        register(.counter, "process_cpu_seconds_total", "Time on a processor, user and system.") {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return [MetricSample(ProcessStatistics.seconds(usage.ru_utime) + ProcessStatistics.seconds(usage.ru_stime))]
        }
        observeGauge("process_open_fds", "Open file descriptors.") { ProcessStatistics.openFiles }
        observeGauge("process_max_fds", "File descriptors that may be open.") {
            var limit = rlimit()
            return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : nil
        }
        let start = ProcessStatistics.startTime
        observeGauge("process_start_time_seconds", "When the process began, in seconds since 1970.") { start }
    }
}

private enum ProcessStatistics {
    /// A number of `/proc/self/statm`: 0 is all of the memory, 1 what is resident.
    static func pages(_ index: Int) -> Double? {
        guard let fields = text("/proc/self/statm")?.split(separator: " "), fields.count > index else { return nil }
        return Double(fields[index])
    }

    static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    static var openFiles: Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        // Of what is listed, ".", ".." and the directory itself are none.
        var count = -3
        while readdir(directory) != nil { count += 1 }
        return Double(max(0, count))
    }

    /// `/proc/self/stat` has it in ticks since the machine started, behind the name in parentheses, which may hold anything.
    static var startTime: Double? {
        guard let stat = text("/proc/self/stat"), let name = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]),
            let uptime = text("/proc/uptime")?.split(separator: " ").first.flatMap({ Double($0) })
        else { return nil }
        let now = Date().timeIntervalSince1970
        return now - uptime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

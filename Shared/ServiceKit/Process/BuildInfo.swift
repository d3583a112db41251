/// What this program is.
public enum BuildInfo {
    public static let version = "0.1.0"

    /// Of the compiler.
    static let swift: String = {
        #if compiler(>=6.4)
        "6.4 or later"
        #elseif compiler(>=6.3)
        "6.3"
        #elseif compiler(>=6.2)
        "6.2"
        #else
        "6.1"
        #endif
    }()

    /// `release`, or `debug` where checks of the standard library are on.
    static let configuration: String = {
        var isDebug = false
        assert(
            {
                isDebug = true
                return true
            }())
        return isDebug ? "debug" : "release"
    }()
}

internal import COpenSSL

extension CryptoError {
    /// Takes this thread's OpenSSL errors, oldest first, and leaves none behind: libpq and others share the queue.
    ///
    /// Call on the thread of the failed call, before anything else touches libcrypto.
    static func takeOpenSSL(_ operation: String) -> CryptoError {
        var reasons: [String] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { break }
            let reason = reasonText(code)
            if reasons.count < 3, !reasons.contains(reason) { reasons.append(reason) }
        }
        return .openSSL(operation: operation, reason: reasons.isEmpty ? "no reason given" : reasons.joined(separator: "; "))
    }

    private static func reasonText(_ code: UInt) -> String {
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            ERR_error_string_n(code, buffer.baseAddress, buffer.count)
            return buffer.baseAddress.map { String(cString: $0) } ?? "error \(code)"
        }
    }
}

/// Unwraps what libcrypto returned, or throws its reason.
func require<Value>(_ value: Value?, _ operation: String) throws(CryptoError) -> Value {
    guard let value else { throw CryptoError.takeOpenSSL(operation) }
    return value
}

/// Throws libcrypto's reason unless the status is success, which it spells 1.
func require(status: Int32, _ operation: String) throws(CryptoError) {
    guard status == 1 else { throw CryptoError.takeOpenSSL(operation) }
}

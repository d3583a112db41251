import JSON

extension Preferences {
    /// Preferences in one request.
    private static let maximum = 64
    private static let maximumTimeZoneBytes = 64

    /// Reads what is asked for. Of a preference given twice the first that is understood counts; its parameters (`;…`) have no meaning here.
    ///
    /// - Parameter headers: the values of every `Prefer` field.
    /// - Throws: 400 `PGRST122` for what is not understood, under `handling=strict`.
    init(_ headers: [String]) throws(APIError) {
        self.init()
        var seen: Set<String> = []
        var misunderstood: [String] = []
        for preference in headers.flatMap({ $0.utf8.split(separator: UInt8(ascii: ",")) }).prefix(Self.maximum) {
            let text = Self.trimmed(preference.prefix { $0 != UInt8(ascii: ";") })
            guard !text.isEmpty else { continue }
            let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) ?? text.endIndex
            let name = text[..<equals].lowercased()
            let value = equals == text.endIndex ? "" : String(text[text.utf8.index(after: equals)...])
            guard !seen.contains(name) else { continue }
            if take(name, value) {
                seen.insert(name)
                given.append(ExactString("\(name)=\(value)"))
            } else {
                misunderstood.append(APIError.excerpt(text))
            }
        }
        guard !isStrict || misunderstood.isEmpty else {
            throw APIError(
                400, "PGRST122", "Invalid preferences given with handling=strict",
                details: "Invalid preferences: \(misunderstood.joined(separator: ", "))")
        }
        if !isStrict, maximumAffected != nil {
            maximumAffected = nil
            given.removeAll { $0.string.hasPrefix("max-affected=") }
        }
    }

    /// - Returns: whether the preference is understood.
    private mutating func take(_ name: String, _ value: String) -> Bool {
        switch (name, value) {
        case ("return", _): Self.take(&returning, Return(rawValue: value))
        case ("resolution", _): Self.take(&resolution, Resolution(rawValue: value))
        case ("count", _): Self.take(&count, Count(rawValue: value))
        case ("max-affected", _): Self.take(&maximumAffected, QueryBuilder.decimal(value))
        case ("timezone", _) where (1...Self.maximumTimeZoneBytes).contains(value.utf8.count): Self.take(&timeZone, ExactString(value))
        case ("missing", "default"): Self.take(&usesDefaults, true)
        case ("missing", "null"): Self.take(&usesDefaults, false)
        case ("handling", "strict"): Self.take(&isStrict, true)
        case ("handling", "lenient"): Self.take(&isStrict, false)
        case ("tx", "rollback"): Self.take(&rollsBack, true)
        case ("tx", "commit"): Self.take(&rollsBack, false)
        default: false
        }
    }

    private static func take<Value>(_ member: inout Value?, _ value: Value?) -> Bool {
        guard let value else { return false }
        member = value
        return true
    }

    private static func take(_ member: inout Bool, _ value: Bool) -> Bool {
        member = value
        return true
    }

    private static func trimmed(_ bytes: Substring.UTF8View) -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var bytes = bytes.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(Substring(bytes))
    }
}

import FoundationEssentials

/// The text of a file in `Keys`: throwaway keys made with OpenSSL's command line for these tests.
func fixture(_ name: String, file: String = #filePath) throws -> String {
    let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    return String(decoding: try Data(contentsOf: URL(filePath: "\(folder)/Keys/\(name)")), as: UTF8.self)
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

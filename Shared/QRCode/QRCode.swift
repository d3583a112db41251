internal import CQREncode

/// A QR code (ISO/IEC 18004) with error correction level M, without its quiet zone of four modules.
public struct QRCode: Sendable {
    /// Modules on each side.
    public let size: Int
    /// Row by row, true for dark.
    public let modules: [Bool]

    /// - Parameter text: at most 2000 bytes, without NUL.
    /// - Returns: nil where the text does not fit into a code.
    public init?(_ text: String) {
        guard text.utf8.count <= 2000, !text.utf8.contains(0), let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { return nil }
        defer { QRcode_free(code) }
        size = Int(code.pointee.width)
        // The lowest bit of a module's byte is its colour; the others say what it is for.
        modules = UnsafeBufferPointer(start: code.pointee.data, count: size * size).map { $0 & 1 == 1 }
    }

    /// An SVG image that scales: dark on white whatever the page's colours, as scanners need it, with the quiet zone.
    public var svg: String {
        let side = size + 8
        var path = ""
        for row in 0..<size {
            var column = 0
            while column < size {
                guard modules[row * size + column] else {
                    column += 1
                    continue
                }
                let start = column
                while column < size, modules[row * size + column] { column += 1 }
                path += "M\(start + 4) \(row + 4)h\(column - start)v1h-\(column - start)z"
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges" aria-hidden="true" focusable="false">\
            <rect width="\(side)" height="\(side)" fill="#fff"/><path d="\(path)" fill="#000"/></svg>
            """
    }
}

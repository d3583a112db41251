import Postgres

/// Rows as CSV (RFC 4180) with a header line, lines ended and values quoted as PostgreSQL's `COPY` does: null is nothing, an empty text is
/// quoted.
struct CSVEncoder: RowEncoder {
    mutating func begin(columns: [String], in chunk: inout [UInt8]) {
        for (position, name) in columns.enumerated() {
            if position > 0 { chunk.append(UInt8(ascii: ",")) }
            var name = name
            name.withUTF8 { Self.append(UnsafeRawBufferPointer($0), to: &chunk) }
        }
        chunk.append(UInt8(ascii: "\n"))
    }

    mutating func append(_ row: borrowing StreamedRow, to chunk: inout [UInt8]) {
        for column in 0..<row.columnCount {
            if column > 0 { chunk.append(UInt8(ascii: ",")) }
            if let cell = row.cell(column) { Self.append(cell, to: &chunk) }
        }
        chunk.append(UInt8(ascii: "\n"))
    }

    private static func append(_ cell: UnsafeRawBufferPointer, to chunk: inout [UInt8]) {
        guard needsQuotes(cell) else {
            chunk.append(contentsOf: cell)
            return
        }
        chunk.append(UInt8(ascii: "\""))
        for byte in cell {
            if byte == UInt8(ascii: "\"") { chunk.append(byte) }
            chunk.append(byte)
        }
        chunk.append(UInt8(ascii: "\""))
    }

    private static func needsQuotes(_ cell: UnsafeRawBufferPointer) -> Bool {
        if cell.isEmpty { return true }
        for byte in cell where byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 10 || byte == 13 { return true }
        return false
    }
}

/// One value a row, one row a line: of a column of JSON without line ends, newline-delimited JSON.
struct LineEncoder: RowEncoder {
    mutating func begin(columns: [String], in chunk: inout [UInt8]) {}

    mutating func append(_ row: borrowing StreamedRow, to chunk: inout [UInt8]) {
        if row.columnCount > 0, let cell = row.cell(0) { chunk.append(contentsOf: cell) }
        chunk.append(UInt8(ascii: "\n"))
    }
}

internal import CLibPQ

/// Owner of one `PGresult`.
///
/// `@unchecked Sendable`: a `PGresult` does not change after libpq has handed it over, and only `deinit` frees it.
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    var rowCount: Int { Int(PQntuples(pointer)) }
    var columnCount: Int { Int(PQnfields(pointer)) }

    /// Rows touched by INSERT, UPDATE, DELETE, MERGE; rows returned by SELECT; 0 for other commands.
    var affectedRows: Int {
        guard let text = PQcmdTuples(pointer) else { return 0 }
        return Int(String(cString: text)) ?? 0
    }

    func columnName(_ column: Int) -> String {
        PQfname(pointer, Int32(column)).map { String(cString: $0) } ?? "#\(column)"
    }

    func columnType(_ column: Int) -> SQLType {
        SQLType(rawValue: PQftype(pointer, Int32(column)))
    }

    /// The column's index by its exact name; the first one of several.
    func columnIndex(_ name: String) -> Int? {
        (0..<columnCount).first { column in
            guard let candidate = PQfname(pointer, Int32(column)) else { return false }
            return name.withCString { compare(candidate, $0) }
        }
    }

    private func compare(_ left: UnsafePointer<CChar>, _ right: UnsafePointer<CChar>) -> Bool {
        var index = 0
        while left[index] == right[index] {
            if left[index] == 0 { return true }
            index += 1
        }
        return false
    }

    /// The cell's bytes in binary format, nil for NULL. Valid as long as the handle lives.
    func bytes(row: Int, column: Int) -> UnsafeRawBufferPointer? {
        if PQgetisnull(pointer, Int32(row), Int32(column)) != 0 { return nil }
        let start = PQgetvalue(pointer, Int32(row), Int32(column))
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(pointer, Int32(row), Int32(column))))
    }
}

extension String {
    /// Whether both strings are the same bytes of UTF-8: the comparison that RFC 8259 §8.3 and the OAuth family ask for.
    ///
    /// `==` would also accept canonically equivalent text, such as U+212A KELVIN SIGN for "K". Not constant in time.
    @inlinable
    public func isIdenticalBytes(_ other: String) -> Bool {
        let left = utf8
        let right = other.utf8
        guard left.count == right.count else { return false }
        return left.elementsEqual(right)
    }
}

/// A string that is equal and hashes by its UTF-8 bytes, for use as a dictionary key.
public struct ExactString: Sendable, Hashable {
    public let string: String

    public init(_ string: String) {
        self.string = string
    }

    public static func == (left: ExactString, right: ExactString) -> Bool {
        left.string.isIdenticalBytes(right.string)
    }

    public func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}

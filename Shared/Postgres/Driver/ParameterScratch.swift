import FoundationEssentials
import Glibc

/// Reused memory in which a statement's parameters take the shape libpq wants: pointers, lengths and formats.
///
/// Owned by one driver thread; the pointers hold until the next `reset()`.
final class ParameterScratch {
    private(set) var count = 0
    private var capacity: Int
    private var offsets: UnsafeMutablePointer<Int>
    private(set) var pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private(set) var lengths: UnsafeMutablePointer<Int32>
    private(set) var formats: UnsafeMutablePointer<Int32>

    private var bytes: UnsafeMutableRawPointer
    private var byteCapacity = ParameterScratch.keptBytes
    private var byteCount = 0
    private static let keptBytes = 64 * 1024

    init(capacity: Int = 64) {
        self.capacity = capacity
        offsets = .allocate(capacity: capacity)
        pointers = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        formats = .allocate(capacity: capacity)
        bytes = .allocate(byteCount: byteCapacity, alignment: 16)
    }

    deinit {
        offsets.deallocate()
        pointers.deallocate()
        lengths.deallocate()
        formats.deallocate()
        bytes.deallocate()
    }

    func encode(_ parameters: [SQLParameter]) {
        reset(count: parameters.count)
        for parameter in parameters { append(parameter.value) }
        resolvePointers()
    }

    func encode(_ settings: TransactionSettings) {
        reset(count: settings.settings.count * 2)
        for (name, value) in settings.settings {
            append(text: name)
            append(text: value)
        }
        resolvePointers()
    }

    private func reset(count needed: Int) {
        count = 0
        byteCount = 0
        if byteCapacity > Self.keptBytes * 16 {
            bytes.deallocate()
            byteCapacity = Self.keptBytes
            bytes = .allocate(byteCount: byteCapacity, alignment: 16)
        }
        guard needed > capacity else { return }
        offsets.deallocate()
        pointers.deallocate()
        lengths.deallocate()
        formats.deallocate()
        capacity = needed * 2
        offsets = .allocate(capacity: capacity)
        pointers = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        formats = .allocate(capacity: capacity)
    }

    private func append(_ value: SQLParameter.Value) {
        switch value {
        case .null: note(offset: -1, length: 0, format: 0)
        case .text(let text): append(text: text)
        case .bool(let value): append(integer: UInt8(value ? 1 : 0))
        case .int16(let value): append(integer: value)
        case .int32(let value): append(integer: value)
        case .int64(let value): append(integer: value)
        case .float(let value): append(integer: value.bitPattern)
        case .double(let value): append(integer: value.bitPattern)
        case .uuid(let value): withUnsafeBytes(of: value.uuid) { append(binary: $0) }
        case .bytes(let value): value.withUnsafeBytes { append(binary: $0) }
        }
    }

    private func append(integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.bigEndian) { append(binary: $0) }
    }

    private func append(binary source: UnsafeRawBufferPointer) {
        let offset = reserve(source.count + 1)
        if let start = source.baseAddress { (bytes + offset).copyMemory(from: start, byteCount: source.count) }
        note(offset: offset, length: source.count, format: 1)
    }

    private func append(text: String) {
        var text = text
        text.withUTF8 { utf8 in
            let offset = reserve(utf8.count + 1)
            if let start = utf8.baseAddress { (bytes + offset).copyMemory(from: start, byteCount: utf8.count) }
            (bytes + offset).storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
            note(offset: offset, length: utf8.count, format: 0)
        }
    }

    private func note(offset: Int, length: Int, format: Int32) {
        offsets[count] = offset
        lengths[count] = Int32(truncatingIfNeeded: length)
        formats[count] = format
        count &+= 1
    }

    private func reserve(_ size: Int) -> Int {
        let offset = byteCount
        if byteCount + size > byteCapacity {
            byteCapacity = max(byteCapacity * 2, byteCount + size)
            let larger = UnsafeMutableRawPointer.allocate(byteCount: byteCapacity, alignment: 16)
            larger.copyMemory(from: bytes, byteCount: byteCount)
            bytes.deallocate()
            bytes = larger
        }
        byteCount += size
        return offset
    }

    /// Only now, as the bytes may have moved while they grew.
    private func resolvePointers() {
        for index in 0..<count {
            let offset = offsets[index]
            pointers[index] = offset < 0 ? nil : UnsafePointer((bytes + offset).assumingMemoryBound(to: CChar.self))
        }
    }
}

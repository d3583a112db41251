internal import CPasswordMemory
internal import Glibc
internal import Synchronization

/// One thread's working memory for Argon2, mapped when first used and kept between hashes.
///
/// What a hash leaves in it tells nothing that the stored hash does not, from the second pass on: testing a guess takes all the work again. After a
/// single pass it would, so then it is wiped at once. The memory is left out of core dumps, and unmapped with its thread.
final class HashMemory {
    /// How often any thread's memory was used, for tests.
    static let uses = Atomic<Int>(0)

    private let bytes: Int
    private var block: UnsafeMutableRawPointer?

    /// - Parameter kiB: what to keep; 0 keeps nothing.
    init(kiB: Int) {
        bytes = kiB * 1024
    }

    deinit {
        if let block { sp_block_unmap(block, bytes) }
    }

    /// Runs one hash that needs so much memory. If that is more than is kept, libsodium maps its own.
    func lend<R>(kiB: Int, passes: Int, _ body: () -> R) -> R {
        let wanted = kiB * 1024
        guard wanted > 0, wanted <= bytes, let block = block ?? sp_block_map(bytes) else { return body() }
        self.block = block
        sp_block_lend(block, wanted)
        let result = body()
        if sp_block_take_back() {
            Self.uses.add(1, ordering: .relaxed)
            if passes == 1 { memset(block, 0, wanted) }
        }
        return result
    }
}

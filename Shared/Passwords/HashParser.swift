internal import Cryptography

/// Reads the text of a stored hash. The formats are told apart by what stands before the first two `$`.
enum HashParser {
    static func parse(_ text: String) throws(PasswordHashError) -> Scheme {
        guard text.utf8.count <= HashLimits.textBytes else { throw .malformed("too long") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .malformed("not printable ASCII") }
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count > 1 else { throw .unrecognized }
        switch parts[0] {
        case "": return try modular(parts)
        case "argon2": return try argon2(parts.dropFirst())
        case "pbkdf2_sha256": return try djangoPBKDF2(parts, .sha256)
        case "pbkdf2_sha1": return try djangoPBKDF2(parts, .sha1)
        case "scrypt": return try djangoScrypt(parts)
        case "bcrypt" where parts[1] == "": return try bcrypt(parts.dropFirst(2), isPrehashed: false)
        case "bcrypt_sha256" where parts[1] == "": return try bcrypt(parts.dropFirst(2), isPrehashed: true)
        default: return try werkzeug(parts)
        }
    }

    /// `$name$…`: PHC strings and those of crypt(3).
    private static func modular(_ parts: [Substring]) throws(PasswordHashError) -> Scheme {
        switch parts[1] {
        case "argon2id", "argon2i": try argon2(parts.dropFirst())
        case "2a", "2b", "2y": try bcrypt(parts.dropFirst(), isPrehashed: false)
        case "pbkdf2": try passlibPBKDF2(parts, .sha1)
        case "pbkdf2-sha256": try passlibPBKDF2(parts, .sha256)
        case "pbkdf2-sha512": try passlibPBKDF2(parts, .sha512)
        default: throw .unrecognized
        }
    }

    // MARK: Argon2

    /// - Parameter rest: variant, `v=19`, `m=…,t=…,p=…`, salt, hash.
    private static func argon2(_ rest: ArraySlice<Substring>) throws(PasswordHashError) -> Scheme {
        let fields = Array(rest)
        guard fields.count == 5 else { throw .malformed("Argon2 has a variant, a version, parameters, a salt and a hash") }
        guard let variant = Argon2Hash.Variant(rawValue: String(fields[0])) else { throw .unrecognized }
        guard fields[1] == "v=19" else { throw .malformed("only version 19 of Argon2 is read") }
        let numbers = fields[2].split(separator: ",", omittingEmptySubsequences: false)
        guard numbers.count == 3, let memory = setting("m=", numbers[0]), let passes = setting("t=", numbers[1]),
            let lanes = setting("p=", numbers[2]), passes > 0, lanes > 0, memory >= 8 * lanes
        else { throw .malformed("the parameters of Argon2 are m, t and p, in this order") }
        guard memory <= HashLimits.argon2MemoryKiB, passes <= HashLimits.argon2Passes, lanes <= HashLimits.argon2Lanes,
            memory * passes <= HashLimits.argon2WorkKiB
        else { throw .excessive("Argon2 with m=\(memory), t=\(passes), p=\(lanes)") }
        guard let salt = HashText.base64(fields[3], isPadded: false), (8...64).contains(salt.count) else {
            throw .malformed("the salt is not base64 of 8 to 64 bytes")
        }
        guard let hash = HashText.base64(fields[4], isPadded: false), (16...64).contains(hash.count) else {
            throw .malformed("the hash is not base64 of 16 to 64 bytes")
        }
        return .argon2(
            Argon2Hash(variant: variant, memoryKiB: memory, passes: passes, phc: "$" + fields.joined(separator: "$")))
    }

    private static func setting(_ name: String, _ text: Substring) -> Int? {
        text.hasPrefix(name) ? HashText.number(text.dropFirst(name.count)) : nil
    }

    // MARK: bcrypt

    /// - Parameter rest: variant, cost, salt and hash in one.
    private static func bcrypt(_ rest: ArraySlice<Substring>, isPrehashed: Bool) throws(PasswordHashError) -> Scheme {
        let fields = Array(rest)
        guard fields.count == 3, ["2a", "2b", "2y"].contains(fields[0]) else {
            throw .malformed("bcrypt has a variant (2a, 2b or 2y), a cost and a hash")
        }
        guard fields[1].utf8.count == 2, let cost = Int(fields[1]), fields[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), cost >= 4
        else { throw .malformed("the cost of bcrypt has two digits and is at least 04") }
        guard cost <= HashLimits.bcryptCost else { throw .excessive("bcrypt with cost \(cost)") }
        guard fields[2].utf8.count == 53, fields[2].utf8.allSatisfy(isBCryptCharacter) else {
            throw .malformed("salt and hash of bcrypt have 53 characters")
        }
        return .bcrypt(
            BCryptHash(cost: cost, salt: String(fields[2].prefix(22)), hash: String(fields[2].dropFirst(22)), isPrehashed: isPrehashed))
    }

    private static func isBCryptCharacter(_ character: UInt8) -> Bool {
        switch character {
        // From the full stop: ./0123456789
        case 0x2E...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    // MARK: PBKDF2 and scrypt

    private static func djangoPBKDF2(_ parts: [Substring], _ hash: PBKDF2.Hash) throws(PasswordHashError) -> Scheme {
        guard parts.count == 4 else { throw .malformed("PBKDF2 has iterations, a salt and a hash") }
        return try pbkdf2(hash, parts[1], salt: Array(parts[2].utf8), HashText.base64(parts[3], isPadded: true))
    }

    private static func passlibPBKDF2(_ parts: [Substring], _ hash: PBKDF2.Hash) throws(PasswordHashError) -> Scheme {
        guard parts.count == 5 else { throw .malformed("PBKDF2 has rounds, a salt and a hash") }
        let plus = UInt8(ascii: ".")
        guard let salt = HashText.base64(parts[3], isPadded: false, plus: plus) else { throw .malformed("the salt is not base64") }
        return try pbkdf2(hash, parts[2], salt: salt, HashText.base64(parts[4], isPadded: false, plus: plus))
    }

    private static func pbkdf2(_ function: PBKDF2.Hash, _ iterations: Substring, salt: [UInt8], _ hash: [UInt8]?)
        throws(PasswordHashError) -> Scheme
    {
        guard let iterations = HashText.number(iterations), iterations > 0 else { throw .malformed("the iterations are not a number") }
        guard iterations <= HashLimits.pbkdf2Iterations else { throw .excessive("PBKDF2 with \(iterations) iterations") }
        guard !salt.isEmpty else { throw .malformed("there is no salt") }
        guard let hash, hash.count == function.byteCount else {
            throw .malformed("the hash is not the encoding of \(function.byteCount) bytes")
        }
        return .pbkdf2(function, iterations: iterations, salt: salt, hash: hash)
    }

    private static func djangoScrypt(_ parts: [Substring]) throws(PasswordHashError) -> Scheme {
        guard parts.count == 6 else { throw .malformed("scrypt has N, a salt, r, p and a hash") }
        return try scrypt([parts[1], parts[3], parts[4]], salt: parts[2], HashText.base64(parts[5], isPadded: true))
    }

    private static func scrypt(_ numbers: [Substring], salt: Substring, _ hash: [UInt8]?) throws(PasswordHashError) -> Scheme {
        guard numbers.count == 3, let cost = HashText.number(numbers[0]), let blockSize = HashText.number(numbers[1]),
            let parallelization = HashText.number(numbers[2]), cost > 1, cost & (cost - 1) == 0, blockSize > 0, parallelization > 0
        else { throw .malformed("scrypt's N is a power of two, r and p are positive") }
        // Checked in two steps, since the product of all three may not fit an integer.
        let memory = cost.multipliedReportingOverflow(by: blockSize)
        guard !memory.overflow, memory.partialValue <= HashLimits.scryptBytes / 128,
            parallelization <= HashLimits.scryptBytes / 128 / memory.partialValue
        else { throw .excessive("scrypt with N=\(cost), r=\(blockSize), p=\(parallelization)") }
        guard !salt.isEmpty else { throw .malformed("there is no salt") }
        guard let hash, hash.count == 64 else { throw .malformed("the hash is not the encoding of 64 bytes") }
        let parameters = Scrypt.Parameters(cost: cost, blockSize: blockSize, parallelization: parallelization)
        return .scrypt(parameters, salt: Array(salt.utf8), hash: hash)
    }

    // MARK: Werkzeug

    /// `method:argument:…$salt$hex`
    private static func werkzeug(_ parts: [Substring]) throws(PasswordHashError) -> Scheme {
        let method = parts[0].split(separator: ":", omittingEmptySubsequences: false)
        guard method[0] == "pbkdf2" || method[0] == "scrypt", method.count > 1 else { throw .unrecognized }
        guard parts.count == 3 else { throw .malformed("\(method[0]) has a method, a salt and a hash") }
        let hash = HashText.hex(parts[2])
        if method[0] == "scrypt" { return try scrypt(Array(method.dropFirst()), salt: parts[1], hash) }
        let functions: [Substring: PBKDF2.Hash] = ["sha1": .sha1, "sha256": .sha256, "sha512": .sha512]
        guard let function = functions[method[1]] else { throw .malformed("PBKDF2 with an unknown hash function") }
        guard method.count == 3 else { throw .malformed("the iterations are missing") }
        return try pbkdf2(function, method[2], salt: Array(parts[1].utf8), hash)
    }
}

import ArgumentParser
import Cryptography
import FoundationEssentials
import JOSE
import JSON
import ServiceKit
import Tenancy

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "List, rotate and import a tenant's signing keys; change the master key that seals them.",
        discussion: """
            A key is published as ‘next’ before it signs, is then ‘active’, verifies as ‘retiring’ until the last token it signed has \
            expired, and is ‘retired’.
            """,
        subcommands: [List.self, Rotate.self, Import.self, Reseal.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List a tenant's keys and their states.")

        @Option(help: "The tenant's slug.") var tenant: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (tenant, output) = (tenant, output)
            try await Administration.run { administration in
                let keys = try await administration.keys.all(in: administration.tenant(tenant).id)
                let now = WallClock.system.now
                output.print(
                    json: { json in
                        json.name("keys")
                        json.beginArray()
                        for key in keys {
                            json.beginObject()
                            key.write(to: &json, now: now)
                            json.endObject()
                        }
                        json.endArray()
                    },
                    text: keys.map { "\($0.keyID)\t\($0.algorithm.rawValue)\t\($0.currentState(at: now).rawValue)" }.joined(separator: "\n")
                )
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign with the next key from now on, and publish a new next one.",
            discussion: """
                With --algorithm naming another algorithm, a key of that algorithm is published first: rotate again once verifiers have \
                fetched the key set (5 minutes), or say --immediately.
                """
        )

        @Option(help: "The tenant's slug.") var tenant: String
        @Option(help: "Sign with \(JWSAlgorithm.signing.map(\.rawValue).joined(separator: ", ")) from now on.") var algorithm: String?
        @Flag(help: "Do not wait for verifiers to see a key of another algorithm.") var immediately = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (slug, immediately, output) = (tenant, immediately, output)
            let algorithm = try algorithm.map(SigningAlgorithmOption.parse)
            try await Administration.run { administration in
                let tenant = try await administration.tenant(slug)
                let rotation = KeyRotation(store: administration.keys, vault: try administration.keyVault(), clock: .system)
                switch try await rotation.rotate(tenant, to: algorithm, immediately: immediately) {
                case .promoted(let active, let next):
                    output.print(
                        json: { json in
                            json.field("active", active)
                            json.field("next", next)
                        },
                        text: "\(active) signs now; \(next) is published as next."
                    )
                case .published(let next):
                    output.print(
                        json: { $0.field("next", next) },
                        text: "\(next) is published as next. Rotate again in 5 minutes to sign with it."
                    )
                }
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take in a private key from another server, as PEM or JWK.",
            discussion: """
                The key becomes the next one, in place of the one that has not signed yet. Its ‘kid’ is kept, so that verifiers \
                find it under the name they know.
                """
        )

        @Option(help: "The tenant's slug.") var tenant: String
        @Argument(help: "A file with an unencrypted private key: PEM (PKCS#8, PKCS#1, SEC 1) or a JWK.") var file: String
        @Option(help: "What it signs with (default: the JWK's alg, or the usual one for its kind of key).") var algorithm: String?
        @Option(name: .customLong("key-id"), help: "Its kid (default: the JWK's kid, or the RFC 7638 thumbprint).") var keyID: String?
        @Flag(help: "Sign with it at once.") var activate = false
        @Option(help: "Never sign with it; verify tokens issued before the move for so many seconds.") var verifyOnlySeconds: Int?
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if activate, verifyOnlySeconds != nil { throw ValidationError("Give either --activate or --verify-only-seconds.") }
            if let verifyOnlySeconds, !(60...31_536_000).contains(verifyOnlySeconds) {
                throw ValidationError("--verify-only-seconds: give 60 to 31536000.")
            }
            if let keyID, !(1...200).contains(keyID.utf8.count) { throw ValidationError("--key-id: give 1 to 200 characters.") }
        }

        func run() async throws {
            let (slug, file, keyID, activate, verifyOnlySeconds, output) = (tenant, file, keyID, activate, verifyOnlySeconds, output)
            let algorithm = try algorithm.map(SigningAlgorithmOption.parse)
            try await Administration.run { administration in
                let tenant = try await administration.tenant(slug)
                let imported = try ImportedKey(file: file, algorithm: algorithm)
                let rotation = KeyRotation(store: administration.keys, vault: try administration.keyVault(), clock: .system)
                let use: KeyRotation.ImportedKeyUse =
                    if let verifyOnlySeconds {
                        .verifyOnly(until: Date(timeIntervalSince1970: Double(WallClock.system.now + Int64(verifyOnlySeconds))))
                    } else {
                        activate ? .active : .next
                    }
                let key = try await rotation.importKey(
                    imported.key, algorithm: imported.algorithm, keyID: keyID ?? imported.keyID, use: use, into: tenant
                )
                output.print(
                    json: { json in
                        json.field("kid", key.keyID)
                        json.field("alg", key.algorithm.rawValue)
                    },
                    text: "Imported \(key.keyID) (\(key.algorithm.rawValue))."
                )
            }
        }
    }
}

extension KeyCommand {
    struct Reseal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal every stored secret under a new master key.",
            discussion: """
                Signing keys, platform keys, client secrets and second factors, all tenants, each table in transactions that change all of its \
                rows or none, every secret opened again before it is kept. Without an outage:
                  1. give every server the new key as SALLYPORT_MASTER_KEY_PREVIOUS_FILE, which opens and never seals, and restart it;
                  2. run this command, with SALLYPORT_MASTER_KEY_FILE as it was;
                  3. make the new key SALLYPORT_MASTER_KEY_FILE and the old one the previous, and restart;
                  4. run this command again, for what was sealed meanwhile; then unset the previous key.
                """
        )

        @Option(help: "A file with the new key: 32 bytes in hexadecimal or base64url.") var newMasterKeyFile: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (path, output) = (newMasterKeyFile, output)
            try await Administration.run { administration in
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw CommandFailure("\(path): cannot be read") }
                let new = try AuthServerSettings.sealingKey(
                    text.filter { !$0.isWhitespace }, variable: path, cure: "Make one with: openssl rand -hex 32")
                let report = try await Resealing(
                    database: administration.database, current: AuthServerSettings.masterKey(administration.settings), new: new
                ).run(tenants: administration.tenants.all().map(\.id))
                output.print(
                    json: { json in
                        json.field("signing_keys", report.signingKeys)
                        json.field("platform_keys", report.platformKeys)
                        json.field("client_secrets", report.clientSecrets)
                        json.field("second_factors", report.secondFactors)
                    },
                    text: "Sealed anew: \(report.signingKeys) signing keys, \(report.platformKeys) platform keys, "
                        + "\(report.clientSecrets) client secrets, \(report.secondFactors) second factors."
                )
            }
        }
    }
}

/// A private key read from a file of another server.
struct ImportedKey {
    let key: PrivateKey
    let algorithm: JWSAlgorithm
    let keyID: String?

    /// - Throws: a message that names the file and what is wrong; never any of its contents.
    init(file: String, algorithm: JWSAlgorithm?) throws {
        guard let data = try? Data(contentsOf: URL(filePath: file)), data.count <= 64 * 1024 else {
            throw CommandFailure("\(file): cannot be read")
        }
        let bytes = Array(data)
        do {
            if bytes.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) == UInt8(ascii: "{") {
                let jwk = try JWK(parsing: bytes)
                guard let privateKey = jwk.privateKey else { throw CommandFailure("\(file): is not a private key") }
                key = privateKey
                keyID = jwk.keyID
                self.algorithm = try Self.check(algorithm ?? jwk.algorithm ?? Self.usual(key), key, file)
            } else {
                key = try PrivateKey(pem: String(decoding: bytes, as: UTF8.self))
                keyID = nil
                self.algorithm = try Self.check(algorithm ?? Self.usual(key), key, file)
            }
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure("\(file): \(error)")
        }
    }

    private static func usual(_ key: PrivateKey) -> JWSAlgorithm {
        switch key.type {
        case .rsa: .rs256
        case .p256: .es256
        case .p384: .es384
        case .ed25519: .edDSA
        default: .es256
        }
    }

    private static func check(_ algorithm: JWSAlgorithm, _ key: PrivateKey, _ file: String) throws -> JWSAlgorithm {
        let fits =
            switch (key.type, algorithm.keyType) {
            case (.rsa, .rsa): true
            case (let own, let wanted): own == wanted
            }
        guard JWSAlgorithm.signing.contains(algorithm), fits else {
            throw CommandFailure("\(file): a key of this kind cannot sign with \(algorithm.rawValue)")
        }
        return algorithm
    }
}

extension SealedSigningKey {
    /// The state as verifiers see it: a retiring key whose time has passed is retired.
    func currentState(at now: Int64) -> SigningKeyState {
        state == .retiring && !isPublished(at: now) ? .retired : state
    }

    func write(to json: inout JSONWriter, now: Int64) {
        json.field("kid", keyID)
        json.field("alg", algorithm.rawValue)
        json.field("state", currentState(at: now).rawValue)
        json.field("created_at", Int64(createdAt.timeIntervalSince1970))
        if let activatedAt { json.field("activated_at", Int64(activatedAt.timeIntervalSince1970)) }
        if let retireAfter { json.field("retire_after", Int64(retireAfter.timeIntervalSince1970)) }
    }
}

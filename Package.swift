// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")

let package = Package(
    name: "sallyport",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "auth-server", targets: ["AuthServer"]),
        .executable(name: "resource-api", targets: ["ResourceAPI"]),
        .library(name: "SallyportVerifier", targets: ["SallyportVerifier"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: ["JSON"]),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", path: "Shared/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibPQ", path: "Shared/CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSodium", path: "Shared/CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CCrypt", path: "Shared/CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CQREncode", path: "Shared/CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .systemLibrary(name: "CZlib", path: "Shared/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CPasswordMemory", path: "Shared/CPasswordMemory"),
        .systemLibrary(name: "CYAML", path: "Shared/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        .target(name: "JSON", path: "Shared/JSON", swiftSettings: strict),
        .target(name: "Zlib", dependencies: ["CZlib"], path: "Shared/Zlib", swiftSettings: strict),
        .target(name: "QRCode", dependencies: ["CQREncode"], path: "Shared/QRCode", swiftSettings: strict),
        .target(name: "Cryptography", dependencies: ["COpenSSL"], path: "Shared/Crypto", swiftSettings: strict),
        .target(name: "JOSE", dependencies: ["Cryptography", "JSON"], path: "Shared/JOSE", swiftSettings: strict),
        .target(name: "Telemetry", dependencies: ["JSON"], path: "Shared/Telemetry", swiftSettings: strict),
        .target(name: "Turns", path: "Shared/Turns", swiftSettings: strict),
        .target(
            name: "Postgres", dependencies: ["CLibPQ", "Telemetry", "Turns", logging, serviceLifecycle], path: "Shared/Postgres",
            swiftSettings: strict),
        .target(name: "Tenancy", dependencies: ["Cryptography", "JOSE"], path: "Shared/Tenancy", swiftSettings: strict),
        .target(name: "OAuth", dependencies: ["JOSE", "Cryptography", "JSON", "Tenancy"], path: "Shared/OAuth", swiftSettings: strict),
        .target(
            name: "Revocation", dependencies: ["Cryptography", "OAuth", "Postgres", "Tenancy", logging, serviceLifecycle],
            path: "Shared/Revocation", swiftSettings: strict
        ),
        .target(
            name: "SallyportVerifier",
            dependencies: [
                "JOSE", "JSON", "OAuth", "Revocation", "Tenancy", asyncHTTPClient, logging, nioCore, nioHTTP1, serviceLifecycle,
            ],
            path: "Shared/Verifier", exclude: ["README.md"], swiftSettings: strict
        ),
        .target(
            name: "Passwords", dependencies: ["CCrypt", "CPasswordMemory", "CSodium", "Cryptography"], path: "Shared/Passwords",
            swiftSettings: strict
        ),
        .target(
            name: "ServiceKit",
            dependencies: [
                "Cryptography", "JSON", "Postgres", "Telemetry", "Turns", asyncHTTPClient, hummingbird, httpTypes, nioCore, nioHTTP1,
                nioHTTPTypes, nioHTTPTypesHTTP1, nioPosix, logging, metrics, serviceLifecycle, unixSignals, systemPackage, configuration,
            ],
            path: "Shared/ServiceKit",
            swiftSettings: strict
        ),
        .target(
            name: "Database",
            dependencies: ["Postgres"],
            path: "Database",
            resources: [.embedInCode("Migrations"), .embedInCode("Demo"), .embedInCode("Superuser")],
            swiftSettings: strict
        ),

        .executableTarget(
            name: "AuthServer",
            dependencies: [
                "CYAML", "Cryptography", "Database", "JOSE", "JSON", "OAuth", "Passwords", "Postgres", "QRCode", "Revocation", "ServiceKit",
                "Tenancy", "Zlib", argumentParser, asyncHTTPClient, hummingbird, httpTypes, nioCore, nioHTTP1, nioPosix, nioSSL, logging,
                metrics,
                serviceLifecycle, configuration,
            ],
            path: "Services/AuthServer",
            resources: [.embedInCode("Pages/Style")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ResourceAPI",
            dependencies: [
                "Cryptography", "JOSE", "JSON", "OAuth", "Postgres", "Revocation", "ServiceKit", "Telemetry", "Tenancy",
                argumentParser, asyncHTTPClient, hummingbird, httpTypes, nioCore, nioHTTP1, logging, metrics, serviceLifecycle,
                configuration,
            ],
            path: "Services/ResourceAPI",
            resources: [.embedInCode("OpenAPI/Docs")],
            swiftSettings: strict
        ),

        .executableTarget(
            name: "revocation-index-benchmark", dependencies: ["Revocation", "Tenancy"], path: "Benchmarks/RevocationIndex",
            swiftSettings: strict
        ),

        .target(
            name: "TestSupport", dependencies: ["Database", "Postgres", logging], path: "Tests/TestSupport", swiftSettings: strict
        ),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], path: "Tests/JSONTests", swiftSettings: strict),
        .testTarget(
            name: "CryptoTests", dependencies: ["Cryptography"], path: "Tests/CryptoTests", exclude: ["Keys"], swiftSettings: strict),
        .testTarget(
            name: "JOSETests", dependencies: ["JOSE", "JSON", "Cryptography"], path: "Tests/JOSETests", exclude: ["Vectors"],
            swiftSettings: strict
        ),
        .testTarget(name: "TurnsTests", dependencies: ["Turns"], path: "Tests/TurnsTests", swiftSettings: strict),
        .testTarget(
            name: "PostgresTests", dependencies: ["Postgres", "Turns", logging, serviceLifecycle], path: "Tests/PostgresTests",
            swiftSettings: strict
        ),
        .testTarget(
            name: "DatabaseTests", dependencies: ["Database", "Postgres", "TestSupport"], path: "Tests/DatabaseTests", swiftSettings: strict
        ),
        .testTarget(name: "TenancyTests", dependencies: ["Tenancy"], path: "Tests/TenancyTests", swiftSettings: strict),
        .testTarget(
            name: "RevocationTests", dependencies: ["Postgres", "Revocation", "Tenancy", "TestSupport", logging, serviceLifecycle],
            path: "Tests/RevocationTests",
            swiftSettings: strict),
        .testTarget(
            name: "OAuthTests", dependencies: ["OAuth", "JOSE", "JSON", "Tenancy"], path: "Tests/OAuthTests", swiftSettings: strict),
        .testTarget(
            name: "PasswordsTests", dependencies: ["Cryptography", "Passwords"], path: "Tests/PasswordsTests", swiftSettings: strict
        ),
        .testTarget(
            name: "ServiceKitTests",
            dependencies: [
                "JSON", "Postgres", "ServiceKit", "Telemetry", "TestSupport", "Turns", hummingbird, hummingbirdTesting, httpTypes, logging,
                metrics, nioCore, nioPosix,
            ],
            path: "Tests/ServiceKitTests",
            swiftSettings: strict
        ),
        .testTarget(
            name: "AuthServerTests",
            dependencies: [
                "AuthServer", "Cryptography", "Database", "JOSE", "JSON", "OAuth", "Passwords", "Postgres", "Revocation",
                "SallyportVerifier", "ServiceKit", "Tenancy",
                "TestSupport", "Zlib", argumentParser, asyncHTTPClient, hummingbird, hummingbirdTesting, httpTypes, logging, nioCore,
                nioHTTP1, nioPosix, serviceLifecycle,
            ],
            path: "Tests/AuthServerTests",
            swiftSettings: strict
        ),
        .testTarget(
            name: "ResourceAPITests",
            dependencies: [
                "ResourceAPI", "Cryptography", "JOSE", "JSON", "OAuth", "Postgres", "Revocation", "ServiceKit", "Tenancy", "TestSupport",
                hummingbird, hummingbirdTesting, httpTypes, logging, serviceLifecycle,
            ],
            path: "Tests/ResourceAPITests",
            swiftSettings: strict
        ),
    ]
)

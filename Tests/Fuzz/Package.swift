// swift-tools-version: 6.1
import PackageDescription

// Coverage-guided fuzzing of what reads outside text, apart from the product's own package: every source is linked, none is copied.
// `make fuzz` builds it with libFuzzer.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "fuzz",
    targets: [
        .systemLibrary(name: "CFuzzer"),
        .target(name: "JSON", swiftSettings: settings),
        .target(name: "JOSE", swiftSettings: settings),
        .target(name: "OAuth", swiftSettings: settings),
        .executableTarget(name: "FuzzQuery", dependencies: ["CFuzzer", "JSON", "JOSE", "OAuth"], swiftSettings: settings),
        .executableTarget(name: "FuzzCSV", dependencies: ["CFuzzer", "JSON", "JOSE", "OAuth"], swiftSettings: settings),
    ]
)

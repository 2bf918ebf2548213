// swift-tools-version: 6.2

import PackageDescription

// The lower rooms (everything but the executable) need no Swift package from outside. With
// GLOSSATOR_LIBRARIES_ONLY=1 the manifest leaves the executable and its dependencies out: seconds instead of
// minutes when you work on the encoder, and what CI builds again under the sanitizers.
let librariesOnly = Context.environment["GLOSSATOR_LIBRARIES_ONLY"] == "1"

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
]

// Kernels are optimised in every configuration: a test that runs the encoder at -O0 would take minutes.
let c: [CSetting] = [.unsafeFlags(["-O3", "-fno-math-errno", "-ffp-contract=on"])]

var targets: [Target] = [
    // C, each behind one Swift room.
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKernels", cSettings: c, linkerSettings: [.linkedLibrary("m")]),
    .target(name: "CResources"),

    // Rooms, from the ground up (docs/architecture.md).
    .target(name: "Annotations", swiftSettings: swift),
    .target(name: "Tokenization", dependencies: ["Annotations"], swiftSettings: swift),
    .target(name: "Tensors", dependencies: ["Annotations", "CKernels", "COpenBLAS"], swiftSettings: swift),
    .target(
        name: "Model", dependencies: ["Annotations", "Tokenization", "Tensors", "CCrypto"], swiftSettings: swift),
    .target(name: "Training", dependencies: ["Annotations", "Tensors", "Model"], swiftSettings: swift),
    .target(
        name: "Store", dependencies: ["Annotations", "CPostgres", "CZstd", "CCrypto", "CResources"],
        swiftSettings: swift),

    .target(
        name: "TestSupport", dependencies: ["Annotations", "Tensors"], path: "Tests/TestSupport",
        swiftSettings: swift),
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    .testTarget(name: "AnnotationsTests", dependencies: ["Annotations"], swiftSettings: swift),
    .testTarget(
        name: "TokenizationTests", dependencies: ["Annotations", "Tokenization", "TestSupport"],
        swiftSettings: swift),
    .testTarget(
        name: "TensorsTests", dependencies: ["Annotations", "Tensors", "CKernels", "TestSupport"],
        swiftSettings: swift),
    .testTarget(
        name: "ModelTests",
        dependencies: ["Annotations", "Tokenization", "Tensors", "Model", "TestSupport", "CAllocations"],
        swiftSettings: swift),
    .testTarget(
        name: "TrainingTests",
        dependencies: ["Annotations", "Tokenization", "Tensors", "Model", "Training", "TestSupport"],
        swiftSettings: swift),
    .testTarget(
        name: "StoreTests", dependencies: ["Annotations", "Store", "TestSupport"], swiftSettings: swift),
]

var dependencies: [Package.Dependency] = []

if !librariesOnly {
    dependencies = [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.0.0",
            traits: [.defaults, "YAML", "Reloading", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ]
    targets += [
        .executableTarget(
            name: "glossator",
            dependencies: [
                "Annotations", "Tokenization", "Model", "Training", "Store", "CResources",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swift),
        .testTarget(
            name: "glossatorTests",
            dependencies: ["Annotations", "Tokenization", "Model", "Training", "Store", "glossator", "TestSupport"],
            swiftSettings: swift),
    ]
}

let package = Package(
    name: "glossator",
    products: librariesOnly ? [] : [.executable(name: "glossator", targets: ["glossator"])],
    dependencies: dependencies,
    targets: targets,
    cLanguageStandard: .gnu2x)

import FoundationEssentials
import Testing

@testable import AuthServer

/// Writes every sample, its Content-Security-Policy and what it loads, so that they can be looked at and examined in a browser:
/// `SALLYPORT_PAGE_GALLERY=directory swift test --filter PagesGallery`, then serve the directory.
@Suite("PagesGallery", .enabled(if: ProcessInfo.processInfo.environment["SALLYPORT_PAGE_GALLERY"] != nil)) struct PagesGallery {
    @Test("Every page is written") func write() throws {
        let directory = try #require(ProcessInfo.processInfo.environment["SALLYPORT_PAGE_GALLERY"])
        for folder in ["assets/theme", "assets/icon"] {
            try FileManager.default.createDirectory(atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
        }
        let long = PageSample.everywhere(String(repeating: "Rhabarberbarbara", count: 640))
        let samples = PageSample.usual + long.map { PageSample(name: "long-\($0.name)", page: $0.page) }
        for sample in samples {
            try Data(sample.page.render()).write(to: URL(filePath: "\(directory)/\(sample.name).html"))
            try Data(sample.page.policy(formTargets: []).description.utf8).write(to: URL(filePath: "\(directory)/\(sample.name).policy"))
            let color = sample.page.brand.color
            try Data(Theme(color).styleSheet.utf8).write(to: URL(filePath: directory + Assets.themePath(color)))
            try Data(Assets.icon(color).utf8).write(to: URL(filePath: directory + Assets.iconPath(color)))
        }
        try Data(Assets.style).write(to: URL(filePath: directory + Assets.stylePath))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 2 * samples.count + 1)
    }
}

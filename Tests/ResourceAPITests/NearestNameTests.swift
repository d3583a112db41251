import Testing

@testable import ResourceAPI

@Suite("The nearest name") struct NearestNameTests {
    @Test(
        arguments: [
            ("custmers", "customers"), ("customer", "customers"), ("Customers", "customers"), ("cutsomers", "customers"),
            ("currency", "currencies"), ("xyz", nil), ("", nil), ("cus", nil),
        ] as [(String, String?)])
    func isFewEditsAway(_ wanted: String, _ found: String?) {
        #expect(NearestName.find(wanted, among: ["orders", "customers", "currencies"]) == found)
    }

    @Test("costs little for any input") func bounds() {
        let names = (0..<20_000).map { "table_\($0)_" + String(repeating: "x", count: 40) }
        let start = ContinuousClock.now
        #expect(NearestName.find(String(repeating: "x", count: 63), among: names) == nil)
        #expect(NearestName.find(String(repeating: "table_", count: 1000), among: names) == nil)
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test("is not told to whom it is hidden") func visibility() {
        let catalog = SampleCatalog.catalog
        #expect(catalog.nearestTable(to: "custmers")?.name == "customers")
        #expect(catalog.nearestTable(to: "custmers", where: { $0.name != "customers" }) == nil)
        #expect(catalog.nearestTable(to: "custmers", schema: "other") == nil)
        #expect(catalog.nearestColumn(to: "emial", of: SampleCatalog.customers) == "email")
    }
}

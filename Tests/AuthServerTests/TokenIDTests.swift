import Testing

@testable import AuthServer

@Suite("Token identifiers") struct TokenIDTests {
    @Test("None comes twice, also when several tasks draw at once and the supply is renewed") func distinct() async {
        let identifiers = TokenIDs()
        let drawn = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<8 { group.addTask { (0..<500).map { _ in identifiers.next() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(drawn.count == 4000)
        #expect(Set(drawn).count == drawn.count)
        #expect(drawn.allSatisfy { $0.utf8.count == 22 })
    }
}

import JSON
import Testing

@testable import ResourceAPI

@Suite("Which overload a call means") struct CallResolutionTests {
    private static func function(_ name: String, _ parameters: [(String, String, Bool)], variadic: Bool = false) -> Function {
        Function(
            schema: "api", name: name,
            parameters: parameters.enumerated().map { index, parameter in
                Function.Parameter(
                    name: parameter.0, type: parameter.1, hasDefault: parameter.2,
                    isVariadic: variadic && index == parameters.count - 1)
            }, result: .scalar(type: "text"), returnsSet: false, volatility: .stable, isDefiner: false, comment: nil)
    }

    private static let catalog = Catalog(
        schemas: ["api"], tables: [],
        functions: [
            function("hello", [("name", "text", false)]),
            function("add", [("a", "integer", false), ("b", "integer", true)]),
            function("now_there", []),
            function("over", []), function("over", [("a", "integer", false)]),
            function("over", [("a", "integer", false), ("b", "integer", false)]),
            function("same", [("arg", "integer", false)]), function("same", [("arg", "text", false), ("more", "integer", true)]),
            function("takes_json", [("", "json", false)]), function("takes_jsonb", [("", "jsonb", false)]),
            function("takes_text", [("", "text", false)]), function("takes_bytes", [("", "bytea", false)]),
            function("takes_xml", [("", "xml", false)]), function("takes_int", [("", "integer", false)]),
            function("either", [("a", "integer", false)]), function("either", [("", "json", false)]),
            function("either", [("", "text", false)]),
            function("mixed", [("a", "integer", false), ("", "json", false)]),
            function("caf\u{e9}", []),
        ])

    private static func resolve(_ name: String, _ carrier: CallArguments.Carrier, _ names: [String]) throws(APIError) -> (Function, Bool) {
        try catalog.function(named: name, schema: "api", taking: CallArguments(carrier, names: names.map(ExactString.init)))
    }

    @Test(
        "Required arguments must be there, and no others than its own",
        arguments: [
            ("hello", ["name"], 1), ("add", ["a"], 2), ("add", ["b", "a"], 2), ("now_there", [], 0), ("over", [], 0), ("over", ["a"], 1),
            ("over", ["b", "a"], 2), ("same", ["arg", "more"], 2),
        ])
    func fits(_ name: String, _ names: [String], _ parameters: Int) throws {
        for carrier in [CallArguments.Carrier.query, .json(isArray: false), .json(isArray: true)] {
            let (function, takesWholeBody) = try Self.resolve(name, carrier, names)
            #expect(function.parameters.count == parameters && !takesWholeBody)
        }
    }

    @Test(
        "A call that fits no overload is refused",
        arguments: [
            ("hello", []), ("hello", ["nam"]), ("hello", ["name", "x"]), ("hello", ["Name"]), ("add", ["b"]), ("now_there", ["a"]),
            ("over", ["b"]), ("nothing", []), ("takes_json", [""]), ("mixed", ["a"]), ("mixed", ["a", ""]), ("cafe\u{301}", []),
        ] as [(String, [String])])
    func fitsNot(_ name: String, _ names: [String]) {
        let error = #expect(throws: APIError.self) { try Self.resolve(name, .query, names) }
        #expect(error?.status == 404 && error?.code == "PGRST202", "\(name)")
    }

    @Test("Overloads with the same names are not chosen between") func ambiguous() {
        let error = #expect(throws: APIError.self) { try Self.resolve("same", .query, ["arg"]) }
        #expect(error?.status == 300 && error?.code == "PGRST203")
        #expect(
            error?.message
                == "Could not choose the best candidate function between: api.same(arg => integer), api.same(arg => text, more => integer)")
    }

    @Test(
        "One unnamed parameter takes a whole body of its type",
        arguments: [
            ("takes_json", .raw(.json), []), ("takes_json", .json(isArray: true), ["x"]),
            ("takes_jsonb", .json(isArray: false), ["x", "y"]),
            ("takes_text", .raw(.text), []), ("takes_bytes", .raw(.binary), []), ("takes_xml", .raw(.xml), []),
            ("either", .json(isArray: false), ["z"]), ("either", .raw(.text), []),
        ] as [(String, CallArguments.Carrier, [String])])
    func wholeBody(_ name: String, _ carrier: CallArguments.Carrier, _ names: [String]) throws {
        #expect(try Self.resolve(name, carrier, names).1)
    }

    @Test("Named parameters come before the whole body") func namedFirst() throws {
        let (function, takesWholeBody) = try Self.resolve("either", .json(isArray: false), ["a"])
        #expect(function.parameters[0].name == "a" && !takesWholeBody)
    }

    @Test(
        "A body of another type is not taken",
        arguments: [
            ("takes_json", .raw(.text)), ("takes_text", .raw(.json)), ("takes_text", .json(isArray: false)), ("takes_bytes", .raw(.text)),
            ("takes_int", .raw(.text)), ("takes_int", .json(isArray: false)), ("takes_xml", .raw(.text)), ("takes_json", .query),
            ("now_there", .raw(.text)), ("hello", .raw(.text)),
        ] as [(String, CallArguments.Carrier)])
    func otherBody(_ name: String, _ carrier: CallArguments.Carrier) {
        let error = #expect(throws: APIError.self) { try Self.resolve(name, carrier, []) }
        #expect(error?.code == "PGRST202", "\(name)")
    }

    @Test("The refusal says what was looked for, and what may have been meant") func wording() {
        func refusal(_ name: String, _ carrier: CallArguments.Carrier, _ names: [String]) -> APIError? {
            (#expect(throws: APIError.self) { try Self.resolve(name, carrier, names) })?.heard { _ in true }
        }
        let unknown = refusal("hell", .query, [])
        #expect(unknown?.message == "Could not find the function api.hell without parameters in the schema cache")
        #expect(
            unknown?.details
                == "Searched for the function api.hell without parameters, but no matches were found in the schema cache.")
        #expect(unknown?.hint == "Perhaps you meant to call the function api.hello")

        let argument = refusal("hello", .query, ["nam"])
        #expect(argument?.message == "Could not find the function api.hello(nam) in the schema cache")
        #expect(
            argument?.details
                == "Searched for the function api.hello with parameter nam, but no matches were found in the schema cache.")
        #expect(argument?.hint == "Perhaps you meant to call the function api.hello(name)")

        let body = refusal("takes_int", .json(isArray: false), ["y", "x"])
        #expect(
            body?.details
                == "Searched for the function api.takes_int with parameters x, y or with a single unnamed json/jsonb parameter, but no "
                + "matches were found in the schema cache.")
        let text = refusal("takes_int", .raw(.text), [])
        #expect(text?.message == "Could not find the function api.takes_int in the schema cache")
        #expect(
            text?.details
                == "Searched for the function api.takes_int with a single unnamed text parameter, but no matches were found in the schema cache."
        )
        #expect(text?.hint == nil)
    }

    @Test(
        "Names are suggested only where they are near",
        arguments: [
            ("hell", [], "hello"), ("hello", ["nam"], "hello(name)"), ("hello", ["other"], nil), ("add", ["a", "b", "more"], "add(a, b)"),
            ("over", ["a", "b", "c"], "over(a, b)"), ("over", ["wrong_arg"], nil), ("noclosealternative", [], nil),
        ] as [(String, [String], String?)])
    func hints(_ name: String, _ names: [String], _ expected: String?) {
        let error = #expect(throws: APIError.self) { try Self.resolve(name, .query, names) }
        #expect(error?.heard { _ in true }.hint == expected.map { "Perhaps you meant to call the function api.\($0)" })
        #expect(error?.heard { $0 == RequiredScope(action: "execute", resource: "others") }.hint == nil)
    }
}

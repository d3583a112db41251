/// The members of a JSON object in the order they were written or added.
///
/// Two objects are equal when they have the same members in whatever order. Look-up is linear: meant for the small objects of
/// protocols.
public struct JSONObject: Sendable {
    public private(set) var members: [(name: String, value: JSONValue)]

    public init() {
        members = []
    }

    /// An object with these members; of members with the same name the last one counts, in the place of the first.
    public init(_ members: [(String, JSONValue)]) {
        self.members = []
        self.members.reserveCapacity(members.count)
        for (name, value) in members {
            self[name] = value
        }
    }

    /// The caller has made sure that no name repeats.
    init(distinct members: [(name: String, value: JSONValue)]) {
        self.members = members
    }

    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }

    /// The value of the member with exactly this name. Setting `nil` removes the member; a new one goes to the end.
    public subscript(name: String) -> JSONValue? {
        get {
            for member in members where member.name.isIdenticalBytes(name) {
                return member.value
            }
            return nil
        }
        set {
            let index = members.firstIndex { $0.name.isIdenticalBytes(name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The compact text of this object, members in their order.
    public func serialized() -> [UInt8] {
        JSONValue.object(self).serialized()
    }
}

extension JSONObject: Hashable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.members.count == right.members.count else { return false }
        if zip(left.members, right.members).allSatisfy({ $0.name.isIdenticalBytes($1.name) && $0.value == $1.value }) { return true }
        let others = Dictionary(right.members.map { (ExactString($0.name), $0.value) }, uniquingKeysWith: { first, _ in first })
        return left.members.allSatisfy { others[ExactString($0.name)] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        // Order must not matter, so the members' hashes are summed.
        var sum = 0
        for member in members {
            var inner = Hasher()
            inner.combine(ExactString(member.name))
            inner.combine(member.value)
            sum &+= inner.finalize()
        }
        hasher.combine(members.count)
        hasher.combine(sum)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements)
    }
}

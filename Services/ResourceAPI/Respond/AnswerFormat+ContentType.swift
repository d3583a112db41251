extension AnswerFormat {
    /// The value of `Content-Type`.
    var contentType: String {
        switch self {
        case .json(stripsNulls: false): "application/json; charset=utf-8"
        case .json(stripsNulls: true): "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"
        case .object(stripsNulls: false): "application/vnd.pgrst.object+json; charset=utf-8"
        case .object(stripsNulls: true): "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
        case .csv: "text/csv; charset=utf-8"
        case .text: "text/plain; charset=utf-8"
        case .binary: "application/octet-stream"
        }
    }

    /// Whether exactly one row is asked for.
    var isObject: Bool {
        if case .object = self { true } else { false }
    }
}

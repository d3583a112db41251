import JSON

/// What is the same in every document.
enum OpenAPIParts {
    static let description = """
        Tables and functions of one tenant, in PostgREST's grammar. Every table also answers HEAD as GET without its body, and OPTIONS with \
        what this token may do to it. Only what this token may do is listed.
        """

    static func meaning(of action: String, on table: String) -> String {
        switch action {
        case "read": "Read \(table)"
        case "write": "Add and change rows of \(table)"
        default: "Delete rows of \(table)"
        }
    }

    /// Rows in the forms that `Accept` may ask for.
    static func content(_ row: JSONValue) -> JSONValue {
        let rows: JSONValue = ["schema": ["type": "array", "items": row]]
        return [
            "application/json": rows, "application/vnd.pgrst.array+json;nulls=stripped": rows,
            "application/vnd.pgrst.object+json": ["schema": row], "text/csv": ["schema": ["type": "string"]],
        ]
    }

    static let errorSchema: JSONValue = [
        "type": "object", "required": ["code", "message", "details", "hint"],
        "properties": [
            "code": [
                "type": "string", "description": "An SQLSTATE, or PGRST and a number where the request did not get as far as the database.",
            ],
            "message": ["type": "string"],
            "details": ["description": "More about it, or null."],
            "hint": ["type": ["string", "null"], "description": "What may cure it."],
        ],
    ]

    // MARK: Parameters

    static var parameters: [(String, JSONValue)] {
        [
            query(
                "select",
                "Columns, casts, JSON paths, aggregates and embedded resources: `id,name,orders(id,total)`. All columns when it is not given."
            ),
            query("columns", "The columns that count of what the body names, separated by commas."),
            query(
                "on_conflict", "The columns whose conflict an upsert settles, separated by commas; the primary key when it is not given."),
            query("and", "Filters that must all hold: `(a.gt.1,b.is.null)`. Also `not.and`."),
            query("or", "Filters of which one must hold: `(a.eq.1,b.eq.2)`. Also `not.or`."),
            query("deleted", "`is.true`: rows that were deleted, which are left out otherwise; needs the scope to delete."),
            query("order", "`column.asc`, `column.desc.nullslast`, separated by commas."),
            bound("limit", "Rows at most."),
            bound("offset", "Rows to leave out at the start."),
            query("after", "Reads on behind a row: empty for the first page, then what Next-Cursor gave."),
            header("Range", "Rows by position, counted from 0: `0-9`.", "^(items=)?[0-9]+-[0-9]*$"),
            header("PreferRead", named: "Prefer", "`count=exact`, `planned` or `estimated`; `handling=strict`; `timezone=…`."),
            header(
                "PreferInsert", named: "Prefer",
                "`return=minimal`, `headers-only` or `representation`; `resolution=merge-duplicates` or `ignore-duplicates`; `missing=default`; `count=exact`; `handling=strict`; `tx=rollback`."
            ),
            header(
                "PreferWrite", named: "Prefer",
                "`return=minimal`, `headers-only` or `representation`; `count=exact`; `handling=strict` with `max-affected=n`; `tx=rollback`."
            ),
            header("If-Match", "Refuses with 412 unless the row is still as this entity tag knows it."),
            header("If-None-Match", "Answers 304 where the row is still as this entity tag knows it."),
            header("Idempotency-Key", "A retry with the same key gets the first answer again."),
            header("Accept-Profile", "The schema; the first exposed one when it is not given."),
            header("Content-Profile", "The schema; the first exposed one when it is not given."),
        ]
    }

    private static func query(_ name: String, _ description: String) -> (String, JSONValue) {
        (name, ["name": .string(name), "in": "query", "description": .string(description), "schema": ["type": "string"]])
    }

    private static func bound(_ name: String, _ description: String) -> (String, JSONValue) {
        (name, ["name": .string(name), "in": "query", "description": .string(description), "schema": ["type": "integer", "minimum": 0]])
    }

    private static func header(
        _ component: String, named name: String? = nil, _ description: String, _ pattern: String? = nil
    ) -> (String, JSONValue) {
        var schema: JSONObject = ["type": "string"]
        if let pattern { schema["pattern"] = .string(pattern) }
        return (
            component,
            ["name": .string(name ?? component), "in": "header", "description": .string(description), "schema": .object(schema)]
        )
    }

    // MARK: Responses

    static var headers: [(String, JSONValue)] {
        [
            ("Content-Range", "Positions of the rows, and the total if it was asked for: `0-9/57`, `*/*`."),
            ("Preference-Applied", "The preferences that were honoured."),
            ("Location", "Where the new row is, where it has a primary key and was asked for."),
            ("Next-Cursor", "What `after` takes to read on; absent behind the last row."),
            ("ETag", "Of a single row: its entity tag."),
        ].map { name, description in (name, ["description": .string(description), "schema": ["type": "string"]]) }
    }

    static var responses: [(String, JSONValue)] {
        [
            ("300", "Several relationships or functions fit; the details list them."),
            ("400", "The request does not follow the grammar, names what is not there, or a value does not fit."),
            ("401", "No token, or not a good one."),
            ("403", "The token lacks the scope, or belongs to another tenant."),
            ("404", "There is nothing of that name."),
            ("405", "The function writes, and GET does not."),
            ("406", "No such media type or schema, or another number of rows than the one asked for."),
            ("409", "The row conflicts with another one."),
            ("412", "The row is not as If-Match knows it."),
            ("415", "The body's media type is not read here."),
            ("416", "There are fewer rows than the range begins behind."),
            ("500", "The server failed."),
            ("503", "The service is busy; Retry-After tells when to come again."),
            ("504", "The statement took too long."),
        ].map { status, description in
            (
                status,
                [
                    "description": .string(description),
                    "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]],
                ]
            )
        }
    }

    // MARK: Batch

    /// `POST batch`
    static let batch: JSONValue = [
        "operationId": "batch", "summary": "Do several operations in one transaction, all or none", "tags": ["batch"],
        "description": "Needs the scopes of all operations. One that fails gives the answer its status, and takes back all others.",
        "security": [["oauth2": []]], "parameters": [["$ref": "#/components/parameters/Idempotency-Key"]],
        "requestBody": [
            "required": true,
            "content": [
                "application/json": [
                    "schema": [
                        "type": "object", "required": ["operations"],
                        "properties": [
                            "operations": [
                                "type": "array", "minItems": 1, "maxItems": .integer(Int64(BatchRequest.maximumOperations)),
                                "items": [
                                    "type": "object", "required": ["method", "path"],
                                    "properties": [
                                        "method": ["type": "string"],
                                        "path": ["type": "string", "description": "Below the API, with its query: `orders?id=eq.1`."],
                                        "headers": ["type": "object", "additionalProperties": ["type": "string"]],
                                        "body": ["description": "JSON, or a string of another media type."],
                                    ],
                                ],
                            ]
                        ],
                    ]
                ]
            ],
        ],
        "responses": [
            "200": [
                "description": "The answers, in the order of the operations.",
                "content": [
                    "application/json": [
                        "schema": [
                            "type": "object", "required": ["results"],
                            "properties": [
                                "results": [
                                    "type": "array",
                                    "items": [
                                        "type": "object", "required": ["status", "headers", "body"],
                                        "properties": [
                                            "status": ["type": "integer"],
                                            "headers": ["type": "object", "additionalProperties": ["type": "string"]],
                                            "body": ["description": "JSON, a string of another media type, or null."],
                                        ],
                                    ],
                                ]
                            ],
                        ]
                    ]
                ],
            ],
            "400": ["$ref": "#/components/responses/400"], "401": ["$ref": "#/components/responses/401"],
            "403": ["$ref": "#/components/responses/403"], "404": ["$ref": "#/components/responses/404"],
            "409": ["$ref": "#/components/responses/409"], "415": ["$ref": "#/components/responses/415"],
            "500": ["$ref": "#/components/responses/500"], "503": ["$ref": "#/components/responses/503"],
            "504": ["$ref": "#/components/responses/504"],
        ],
    ]
}

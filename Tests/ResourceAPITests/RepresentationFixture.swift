import Postgres

/// Domains over `int` with all three casts, with one each, and with casts that must not count; and tables and views that use them.
enum RepresentationFixture {
    /// `#RRGGBB` of a number; of null the empty text.
    private static let toJSON =
        "LANGUAGE sql IMMUTABLE AS $$SELECT to_json(CASE WHEN $1 IS NULL THEN '' ELSE '#' || lpad(upper(to_hex($1::int)), 6, '0') END)$$"
    private static let parse = "('x' || lpad(ltrim($1, '#'), 8, '0'))::bit(32)::int"
    private static let fromText = "LANGUAGE sql IMMUTABLE AS $$SELECT \(parse)$$"
    private static let fromJSON = "LANGUAGE sql IMMUTABLE AS $$SELECT \(parse.replacing("$1", with: "($1 #>> '{}')"))$$"

    private static func output(_ domain: String, as context: String = "AS IMPLICIT") -> [String] {
        [
            "CREATE FUNCTION looks.\(domain)_json(api.\(domain)) RETURNS json \(toJSON)",
            "CREATE CAST (api.\(domain) AS json) WITH FUNCTION looks.\(domain)_json(api.\(domain)) \(context)",
        ]
    }

    private static func input(_ domain: String, _ type: String) -> [String] {
        [
            "CREATE FUNCTION looks.\(domain)_of(\(type)) RETURNS api.\(domain) \(type == "json" ? fromJSON : fromText)",
            "CREATE CAST (\(type) AS api.\(domain)) WITH FUNCTION looks.\(domain)_of(\(type)) AS IMPLICIT",
        ]
    }

    private static let domains =
        ["color", "shade", "tint", "hue", "plain", "owned", "closed", "loud"].map {
            "CREATE DOMAIN api.\($0) AS int CHECK (VALUE BETWEEN 0 AND 16777215)"
        } + ["CREATE DOMAIN api.deep AS api.color", "CREATE DOMAIN api.doc AS jsonb", "CREATE DOMAIN api.word AS text"]

    private static let casts =
        output("color") + input("color", "json") + input("color", "text") + output("shade") + input("tint", "json") + input("hue", "text")
        + output("owned") + ["ALTER FUNCTION looks.owned_json(api.owned) SECURITY DEFINER"]
        + output("closed")
        + output("loud", as: "AS ASSIGNMENT") + [
            "CREATE FUNCTION looks.doc_json(api.doc) RETURNS json LANGUAGE sql STABLE AS $$SELECT jsonb_build_object('is', $1)::json$$",
            "CREATE CAST (api.doc AS json) WITH FUNCTION looks.doc_json(api.doc) AS IMPLICIT",
            "CREATE FUNCTION looks.word_json(api.word) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT to_json(upper($1))$$",
            "CREATE CAST (api.word AS json) WITH FUNCTION looks.word_json(api.word) AS IMPLICIT",
        ]

    private static let tables = [
        """
        CREATE TABLE api.paints (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, color api.color DEFAULT 255, shade api.shade, tint api.tint,
            hue api.hue, plain api.plain, deep api.deep, colors api.color[], owned api.owned, closed api.closed, loud api.loud, doc api.doc,
            PRIMARY KEY (tenant_id, id))
        """,
        """
        CREATE TABLE api.walls (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, paint int, area int, PRIMARY KEY (tenant_id, id),
            FOREIGN KEY (tenant_id, paint) REFERENCES api.paints (tenant_id, id))
        """,
        """
        CREATE TABLE api.nails (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, wall int, PRIMARY KEY (tenant_id, id),
            FOREIGN KEY (tenant_id, wall) REFERENCES api.walls (tenant_id, id))
        """,
        """
        CREATE TABLE api.swatches (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), color api.color NOT NULL, name text, word api.word,
            PRIMARY KEY (tenant_id, color))
        """,
        "SELECT sallyport.enable_tenancy(t) FROM unnest('{api.paints,api.walls,api.nails,api.swatches}'::regclass[]) AS t",
        "CREATE VIEW api.dark WITH (security_invoker = true) AS SELECT id, color, (color / 2)::api.color AS darker, color + 0 AS raw FROM api.paints",
        "SELECT sallyport.enable_tenancy('api.dark')",
        "CREATE FUNCTION api.some_paints() RETURNS SETOF api.paints LANGUAGE sql STABLE AS 'SELECT * FROM api.paints'",
        "SELECT sallyport.expose('api.some_paints()')",
        // Would be taken for the same arguments, were the right one not there.
        "CREATE FUNCTION looks.color_json(int) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT '\"LEAK\"'::json$$",
    ]

    private static let grants = [
        "GRANT USAGE ON SCHEMA looks TO sallyport_api", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA looks TO sallyport_api",
        "REVOKE EXECUTE ON FUNCTION looks.closed_json(api.closed) FROM sallyport_api",
    ]

    static let setup: [SQL] = (["CREATE SCHEMA looks"] + domains + casts + tables + grants).map { "\(unescaped: $0)" }

    /// Written by one who sends what is stored where there is no cast to the domain.
    static let paints = """
        [{"id":1,"color":"#FF0000","shade":65280,"tint":"#0000FF","hue":16,"plain":17,"deep":18,"owned":19,"closed":20,"loud":21,
          "doc":{"a":1},"colors":[1,2]},
         {"id":2,"color":"#00FF00","shade":1,"tint":"#000002","hue":32,"plain":33,"deep":34,"owned":35,"closed":36,"loud":37,
          "doc":{"a":2},"colors":[]},
         {"id":3,"color":null,"shade":null,"tint":null,"hue":null,"plain":null,"deep":null,"owned":null,"closed":null,"loud":null,
          "doc":null,"colors":null}]
        """
}

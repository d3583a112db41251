"""PostgREST's own Python client works unchanged, in two tenants: nothing here speaks HTTP itself."""

import httpx
import pytest
from postgrest import APIError, CountMethod, ReturnMethod, SyncPostgrestClient

# One column of every type that has operators of its own.
SAMPLES = """
    SET ROLE sallyport_owner;
    CREATE TABLE api.samples (
        tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, name text NOT NULL, amount numeric DEFAULT 1, is_open boolean, tags text[], span int4range, doc jsonb, words tsvector, kept_on date,
        PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name));
    SELECT sallyport.enable_tenancy('api.samples');
    RESET ROLE;
    INSERT INTO api.samples (tenant_id, id, name, amount, is_open, tags, span, doc, words, kept_on)
    SELECT t.id, s.*
      FROM auth.tenant t,
           (VALUES (1, 'Ada', 10, true, '{red,blue}'::text[], '[1,5)'::int4range, '{"a": 1, "b": {"c": "x"}}'::jsonb, to_tsvector('english', 'fat cats sit'), date '2026-01-01'),
                   (2, 'Bob', 20, false, '{blue}', '[5,10)', '{"a": 2}', to_tsvector('english', 'thin dogs run'), '2026-02-01'),
                   (3, 'Cy, "C"', 30.5, NULL, '{}', '[20,30)', '[1, 2]', to_tsvector('english', 'a cat and a dog'), NULL)) AS s
     WHERE t.slug IN ('acme', 'globex');
"""


@pytest.fixture(scope="module")
def clients(sallyport):
    """For each tenant a client whose token may do everything there."""
    sallyport.sql(SAMPLES)
    return {tenant: connect(sallyport, tenant) for tenant in ("acme", "globex")}


@pytest.fixture(params=["acme", "globex"])
def db(clients, request) -> SyncPostgrestClient:
    return clients[request.param]


def connect(sallyport, tenant: str, scope: str = "*:*", schema: str = "api") -> SyncPostgrestClient:
    token = sallyport.ask_token(tenant, sallyport.new_client(tenant, scope), scope=scope).json()["access_token"]
    return SyncPostgrestClient(
        sallyport.api_url, schema=schema, headers={"Authorization": f"Bearer {token}"}, http_client=httpx.Client(trust_env=False))


def ids(query) -> list[int]:
    return sorted(row["id"] for row in query.execute().data)


def refusal(query) -> APIError:
    with pytest.raises(APIError) as caught:
        query.execute()
    return caught.value


# Reading


def test_select_of_all_and_of_some_columns(db):
    rows = db.from_("customers").select("*").execute().data
    assert len(rows) == 24 and all(row.keys() == {"id", "name", "email", "phone"} for row in rows)
    assert db.from_("samples").select("id, called:name", "amount::text").eq("id", 1).execute().data == [{"id": 1, "called": "Ada", "amount": "10"}]


FILTERS = {
    "eq": (lambda q: q.eq("name", "Ada"), [1]),
    "eq with reserved characters": (lambda q: q.eq("name", 'Cy, "C"'), [3]),
    "neq": (lambda q: q.neq("name", "Ada"), [2, 3]),
    "gt": (lambda q: q.gt("amount", 20), [3]),
    "gte": (lambda q: q.gte("amount", 20), [2, 3]),
    "lt": (lambda q: q.lt("amount", 20), [1]),
    "lte": (lambda q: q.lte("amount", 20), [1, 2]),
    "is null": (lambda q: q.is_("is_open", None), [3]),
    "is true": (lambda q: q.is_("is_open", True), [1]),
    "is false": (lambda q: q.is_("is_open", False), [2]),
    "is not null": (lambda q: q.not_.is_("kept_on", None), [1, 2]),
    "like": (lambda q: q.like("name", "%d%"), [1]),
    "like, with stars": (lambda q: q.like("name", "*d*"), [1]),
    "like of all": (lambda q: q.like_all_of("name", "A*,*a"), [1]),
    "like of any": (lambda q: q.like_any_of("name", "A*,B*"), [1, 2]),
    "ilike": (lambda q: q.ilike("name", "%B"), [2]),
    "ilike of all": (lambda q: q.ilike_all_of("name", "a*,*A"), [1]),
    "ilike of any": (lambda q: q.ilike_any_of("name", "a*,b*"), [1, 2]),
    "or": (lambda q: q.or_("id.eq.1,and(amount.gt.20,is_open.is.null)"), [1, 3]),
    "not or": (lambda q: q.not_.or_("id.eq.1,id.eq.2"), [3]),
    "not": (lambda q: q.not_.eq("id", 2), [1, 3]),
    "in": (lambda q: q.in_("name", ["Ada", 'Cy, "C"']), [1, 3]),
    "in, of numbers": (lambda q: q.in_("id", [1, 2, 99]), [1, 2]),
    "not in": (lambda q: q.not_.in_("id", [1, 2]), [3]),
    "contains, an array": (lambda q: q.contains("tags", ["blue"]), [1, 2]),
    "contains, JSON": (lambda q: q.contains("doc", {"a": 1}), [1]),
    "contains, a range": (lambda q: q.contains("span", "[2,3)"), [1]),
    "contained by": (lambda q: q.contained_by("tags", ["blue", "green"]), [2, 3]),
    "overlaps, an array": (lambda q: q.overlaps("tags", ["red", "green"]), [1]),
    "overlaps, a range": (lambda q: q.ov("span", "[4,6)"), [1, 2]),
    "cs": (lambda q: q.cs("tags", ["red", "blue"]), [1]),
    "cd": (lambda q: q.cd("tags", ["blue"]), [2, 3]),
    "sl": (lambda q: q.sl("span", (4, 12)), [1]),
    "sl, near": (lambda q: q.sl("span", (3, 12)), []),
    "sr": (lambda q: q.sr("span", (1, 6)), [3]),
    "nxl": (lambda q: q.nxl("span", (4, 8)), [2, 3]),
    "nxr": (lambda q: q.nxr("span", (4, 12)), [1, 2]),
    "adj": (lambda q: q.adj("span", (9, 20)), [2, 3]),
    "range_lt": (lambda q: q.range_lt("span", (9, 12)), [1, 2]),
    "range_gte": (lambda q: q.range_gte("span", (4, 8)), [2, 3]),
    "fts": (lambda q: q.fts("words", "cat & sit"), [1]),
    "plfts": (lambda q: q.plfts("words", "fat cats"), [1]),
    "phfts": (lambda q: q.phfts("words", "dogs run"), [2]),
    "wfts": (lambda q: q.wfts("words", "cat -fat"), [3]),
    "text_search": (lambda q: q.text_search("words", "cat", {"config": "english", "type": "plain"}), [1, 3]),
    "match": (lambda q: q.match({"id": 1, "name": "Ada"}), [1]),
    "filter": (lambda q: q.filter("name", "imatch", "^(a|b)"), [1, 2]),
    "filter by isdistinct": (lambda q: q.filter("is_open", "isdistinct", "true"), [2, 3]),
    "JSON path": (lambda q: q.eq("doc->>a", "2"), [2]),
    "JSON path, deep": (lambda q: q.eq("doc->b->>c", "x"), [1]),
    "two of one column": (lambda q: q.gt("id", 1).lt("id", 3), [2]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filter(db, name):
    filtered, expected = FILTERS[name]
    # text_search belongs to what select returns, and ends in itself.
    assert ids(filtered(db.from_("samples").select("id"))) == expected


def test_order_limit_offset_and_range(db):
    def names(query):
        return [row["name"] for row in query.execute().data]

    samples = db.from_("samples")
    assert names(samples.select("name").order("name", desc=True)) == ['Cy, "C"', "Bob", "Ada"]
    assert names(samples.select("name").order("kept_on", nullsfirst=True).order("id"))[0] == 'Cy, "C"'
    assert names(samples.select("name").order("id").limit(2)) == ["Ada", "Bob"]
    assert names(samples.select("name").order("id").limit(1).offset(1)) == ["Bob"]
    assert names(samples.select("name").order("id").range(1, 2)) == ["Bob", 'Cy, "C"']


@pytest.mark.parametrize("method", list(CountMethod))
def test_count(db, method):
    answer = db.from_("samples").select("id", count=method).limit(1).execute()
    assert len(answer.data) == 1
    assert answer.count == 3 if method != CountMethod.planned else answer.count >= 1
    assert db.from_("customers").select("*", count=CountMethod.exact, head=True).execute().count == 24


def test_single_and_maybe_single(db):
    samples = db.from_("samples")
    assert samples.select("id,name").eq("id", 1).single().execute().data == {"id": 1, "name": "Ada"}
    assert refusal(samples.select("id").single()).code == "PGRST116"
    none = refusal(samples.select("id").eq("id", 99).single())
    assert none.code == "PGRST116" and "0 rows" in none.details
    assert samples.select("id").eq("id", 1).maybe_single().execute().data == {"id": 1}
    assert samples.select("id").eq("id", 99).maybe_single().execute() is None


def test_csv_and_stripped_nulls(db):
    assert db.from_("samples").select("id,name,is_open").order("id").csv().execute().data == 'id,name,is_open\n1,Ada,t\n2,Bob,f\n3,"Cy, ""C""",'
    stripped = db.from_("samples").select("id,is_open").eq("id", 3).strip_nulls().execute().data
    assert stripped == [{"id": 3}]
    assert db.from_("samples").select("id,is_open").eq("id", 3).strip_nulls().single().execute().data == {"id": 3}


def test_plans_are_not_shown(db):
    assert refusal(db.from_("samples").select("*").explain()).code == "PGRST107"
    assert refusal(db.from_("samples").select("*").explain(format="json")).code == "PGRST107"


def test_the_schema_is_chosen_by_profile(sallyport, db):
    assert len(db.schema("api").from_("currencies").select("code").execute().data) == 10
    unknown = refusal(db.schema("public").from_("currencies").select("code"))
    assert unknown.code == "PGRST106" and "api" in unknown.hint
    assert refusal(db.schema("auth").from_("tenant").select("*")).code == "PGRST106"


# Embedding


def test_embedding_along_foreign_keys(db):
    orders = db.from_("orders").select("id, total, customers(name), order_items(product, quantity, unit_price)").order("id").execute().data
    assert len(orders) == 42
    for order in orders:
        assert isinstance(order["customers"]["name"], str)
        assert round(sum(item["quantity"] * item["unit_price"] for item in order["order_items"]), 2) == order["total"]


def test_embedding_through_a_table_between(db):
    tagged = db.from_("orders").select("id, tags(name)").execute().data
    named = db.from_("tags").select("name, orders(id)").execute().data
    pairs = {(order["id"], tag["name"]) for order in tagged for tag in order["tags"]}
    assert pairs and pairs == {(order["id"], tag["name"]) for tag in named for order in tag["orders"]}


def test_filter_order_and_limit_of_what_is_embedded(db):
    query = db.from_("customers").select("name, orders!inner(total, status)").gt("orders.total", 100)
    rows = query.order("total", desc=True, foreign_table="orders").limit(1, foreign_table="orders").order("name").execute().data
    assert rows and all(len(row["orders"]) == 1 and row["orders"][0]["total"] > 100 for row in rows)
    totals = db.from_("customers").select("name, orders(total)").order("name").execute().data
    best = {row["name"]: max(order["total"] for order in row["orders"]) for row in totals if any(order["total"] > 100 for order in row["orders"])}
    assert {row["name"]: row["orders"][0]["total"] for row in rows} == best
    either = db.from_("customers").select("name, orders(status)").or_("status.eq.new,status.eq.paid", reference_table="orders").execute().data
    assert {order["status"] for row in either for order in row["orders"]} <= {"new", "paid"}


def test_aliases_spread_and_aggregates(db):
    row = db.from_("order_items").select("product, order:orders(status, ...customers(customer:name))").limit(1).execute().data[0]
    assert row["order"].keys() == {"status", "customer"}
    counts = db.from_("orders").select("status, count()").execute().data
    assert sum(row["count"] for row in counts) == 42
    assert db.from_("samples").select("amount.sum(), id.max()").execute().data == [{"sum": 60.5, "max": 3}]


def test_a_view_is_read_and_embeds(db):
    rows = db.from_("order_totals").select("customer, lines, total, order_items(id), customers(name)").execute().data
    assert len(rows) == 42
    assert all(row["customers"]["name"] == row["customer"] and len(row["order_items"]) == row["lines"] for row in rows)


# Writing


@pytest.fixture
def scratch(db):
    """The table, whose rows beyond the first three are gone afterwards."""
    yield db.from_("samples")
    db.from_("samples").delete().gt("id", 3).execute()
    db.from_("samples").update({"amount": 10, "is_open": True}).eq("id", 1).execute()


def test_insert_one_and_many(scratch):
    made = scratch.insert({"id": 10, "name": "Dee", "tags": ["x", "y, z"], "doc": {"k": [1, None]}}).execute().data
    assert made[0]["tags"] == ["x", "y, z"] and made[0]["doc"] == {"k": [1, None]} and made[0]["amount"] == 1 and "tenant_id" not in made[0]
    assert scratch.insert({"id": 11, "name": "Eve"}, returning=ReturnMethod.minimal).execute().data == []
    many = scratch.insert([{"id": 12, "name": "F"}, {"id": 13, "name": "G", "amount": 5}], count=CountMethod.exact).execute()
    assert many.count == 2 and [row["amount"] for row in many.data] == [None, 5]
    defaults = scratch.insert([{"id": 14, "name": "H"}, {"id": 15, "name": "I", "amount": 5}], default_to_null=False).execute().data
    assert [row["amount"] for row in defaults] == [1, 5]
    assert scratch.insert({"id": 16, "name": "J"}).select("name").execute().data == [{"name": "J"}]


def test_refused_inserts_leave_nothing(scratch):
    assert refusal(scratch.insert({"id": 1, "name": "Ada"})).code == "23505"
    assert refusal(scratch.insert([{"id": 20, "name": "K"}, {"id": 21, "name": None}])).code == "23502"
    assert refusal(scratch.insert({"id": 20, "name": "K", "tenant_id": "11111111-1111-4111-8111-111111111111"})).code == "PGRST204"
    assert refusal(scratch.insert({"id": 20, "nme": "K"})).code == "PGRST204"
    assert ids(scratch.select("id")) == [1, 2, 3]


def test_upsert(scratch):
    merged = scratch.upsert([{"id": 1, "name": "Ada", "amount": 11}, {"id": 30, "name": "L", "amount": 1}]).execute().data
    assert sorted(row["amount"] for row in merged) == [1, 11]
    assert scratch.upsert({"id": 1, "name": "Ada", "amount": 99}, ignore_duplicates=True).execute().data == []
    by_name = scratch.upsert({"id": 1, "name": "Ada", "amount": 12}, on_conflict="name").execute().data
    assert by_name[0]["amount"] == 12
    assert scratch.insert({"id": 1, "name": "Ada", "amount": 13}, upsert=True).execute().data[0]["amount"] == 13


def test_update_and_delete(scratch):
    changed = scratch.update({"amount": 14}, count=CountMethod.exact).eq("id", 1).execute()
    assert changed.count == 1 and changed.data[0]["amount"] == 14
    assert scratch.update({"amount": 14}).eq("id", 99).execute().data == []
    assert scratch.update({"is_open": False}).eq("id", 1).select("id,is_open").execute().data == [{"id": 1, "is_open": False}]
    assert scratch.update({"amount": 14}, returning=ReturnMethod.minimal).eq("id", 1).execute().data == []
    scratch.insert([{"id": 40, "name": "M"}, {"id": 41, "name": "N"}]).execute()
    gone = scratch.delete(count=CountMethod.exact).gte("id", 40).execute()
    assert gone.count == 2 and {row["name"] for row in gone.data} == {"M", "N"}
    assert refusal(scratch.update({"amount": "much"}).eq("id", 1)).code == "22P02"


def test_max_affected(scratch):
    scratch.insert([{"id": 50, "name": "O"}, {"id": 51, "name": "P"}]).execute()
    assert refusal(scratch.delete().gte("id", 50).max_affected(1)).code == "PGRST124"
    assert ids(scratch.select("id").gte("id", 50)) == [50, 51]
    assert len(scratch.delete().gte("id", 50).max_affected(2).execute().data) == 2


def test_one_tenants_changes_are_not_the_others(clients):
    acme, globex = clients["acme"], clients["globex"]
    acme.from_("samples").insert({"id": 60, "name": "Only here"}).execute()
    try:
        assert ids(globex.from_("samples").select("id").eq("id", 60)) == []
        assert globex.from_("samples").delete().eq("id", 60).execute().data == []
        # The same key and the same unique name are free there.
        assert globex.from_("samples").insert({"id": 60, "name": "Only here"}).execute().data[0]["id"] == 60
        assert globex.from_("samples").select("*", count=CountMethod.exact, head=True).execute().count == 4
    finally:
        for db in (acme, globex):
            db.from_("samples").delete().eq("id", 60).execute()


# Functions


def test_rpc_by_post_get_and_head(db):
    name = db.from_("customers").select("name").order("name").limit(1).execute().data[0]["name"]
    word = name.split()[0]
    for query in (db.rpc("search_customers", {"term": word}), db.rpc("search_customers", {"term": word}, get=True)):
        found = query.select("name").order("name").limit(1).execute().data
        assert found == [{"name": name}]
    counted = db.rpc("search_customers", {"term": ""}, count=CountMethod.exact, head=True).execute()
    assert counted.count == 24
    assert db.rpc("search_customers", {"term": ""}).select("name, orders(id)").eq("name", name).single().execute().data["orders"] is not None
    assert len(db.rpc("search_customers", {"term": "@example.net"}).execute().data) < 24


def test_rpc_that_writes(db):
    customer = db.from_("customers").select("id").limit(1).single().execute().data["id"]
    lines = [{"product": "Desk lamp", "quantity": 2, "unit_price": 19.9}, {"product": "Stapler", "unit_price": 5}]
    order = db.rpc("place_order", {"customer": customer, "lines": lines}).execute().data
    try:
        assert order["total"] == 44.8 and order["status"] == "new" and "tenant_id" not in order
        assert len(db.from_("order_items").select("id").eq("order_id", order["id"]).execute().data) == 2
        nothing = refusal(db.rpc("place_order", {"customer": customer, "lines": []}))
        assert nothing.code == "P0001" and nothing.message == "an order has at least one line" and nothing.hint
        assert refusal(db.rpc("place_order", {"customer": customer, "lines": "[]"}, get=True)).code == "25006"
    finally:
        db.from_("orders").delete().eq("id", order["id"]).execute()


def test_rpc_refusals(db):
    unknown = refusal(db.rpc("search_customer", {"term": "x"}))
    assert unknown.code == "PGRST202" and unknown.hint == "Perhaps you meant to call the function api.search_customers"
    assert refusal(db.rpc("search_customers", {"word": "x"})).code == "PGRST202"
    assert refusal(db.rpc("pg_sleep", {"seconds": "1"})).code == "PGRST202"


# What tokens may do


def test_scopes_are_told_by_the_error(sallyport):
    db = connect(sallyport, "acme", "samples:read")
    assert ids(db.from_("samples").select("id")) == [1, 2, 3]
    for query in (
        db.from_("customers").select("*"), db.from_("samples").insert({"id": 70, "name": "x"}), db.from_("samples").delete().eq("id", 1),
        db.from_("samples").update({"amount": 1}).eq("id", 1), db.rpc("search_customers", {"term": "x"}),
    ):
        assert refusal(query).code == "42501"

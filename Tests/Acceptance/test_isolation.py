"""A token of one tenant never returns, changes, counts or deletes a row of another."""

import subprocess

import pytest
from sallystack.cluster import clean_environment, program

TABLES = ("customers", "orders", "order_items")
EVERYTHING = " ".join(f"{table}:{verb}" for table in TABLES for verb in ("read", "write", "delete"))
REPRESENTATION = {"Prefer": "return=representation"}


@pytest.fixture(scope="module")
def token(sallyport):
    return sallyport.token("acme", EVERYTHING)


@pytest.fixture(scope="module")
def foreign(sallyport):
    """A globex row of each table."""
    theirs = sallyport.token("globex", EVERYTHING)
    return {table: sallyport.rows(f"{table}?order=id&limit=1", theirs)[0] for table in TABLES}


@pytest.fixture(autouse=True)
def globex_is_untouched(sallyport):
    """Compares all rows of globex, read past row-level security, before and after each test."""
    statement = "; ".join(
        f"SELECT count(*), md5(string_agg(r::text, '|' ORDER BY r.id)) FROM api.{table} r JOIN auth.tenant t ON t.id = r.tenant_id AND t.slug = 'globex'"
        for table in TABLES)
    before = sallyport.sql(statement)
    yield
    assert sallyport.sql(statement) == before


@pytest.mark.parametrize("table", TABLES)
def test_get_by_id_finds_nothing(sallyport, token, foreign, table):
    assert sallyport.rows(f"{table}?id=eq.{foreign[table]['id']}", token) == []


def test_get_by_filter_finds_nothing(sallyport, token, foreign):
    name = foreign["customers"]["name"]
    own = sallyport.sql(
        f"SELECT count(*) FROM api.customers c JOIN auth.tenant t ON t.id = c.tenant_id AND t.slug = 'acme' WHERE c.name = $n${name}$n$")
    assert len(sallyport.api("GET", "customers", token, params={"name": f"eq.{name}"}).json()) == int(own)


@pytest.mark.parametrize("table", TABLES)
def test_lists_of_two_tenants_have_no_row_in_common(sallyport, table):
    lists = [{row["id"] for row in sallyport.rows(f"{table}?select=id", sallyport.token(tenant, EVERYTHING))} for tenant in ("acme", "globex")]
    assert lists[0] and lists[1] and not lists[0] & lists[1]


@pytest.mark.parametrize("table", TABLES)
def test_exact_count_counts_own_rows(sallyport, token, table):
    own = sallyport.sql(f"SELECT count(*) FROM api.{table} r JOIN auth.tenant t ON t.id = r.tenant_id AND t.slug = 'acme'")
    for method in ("GET", "HEAD"):
        answer = sallyport.api(method, f"{table}?limit=1", token, headers={"Prefer": "count=exact"})
        assert answer.status_code in (200, 206)
        assert answer.headers["Content-Range"].endswith(f"/{own}")


def test_exact_count_of_a_foreign_id_is_zero(sallyport, token, foreign):
    answer = sallyport.api("GET", f"customers?id=eq.{foreign['customers']['id']}", token, headers={"Prefer": "count=exact"})
    assert answer.json() == [] and answer.headers["Content-Range"] == "*/0"


@pytest.mark.parametrize("table", TABLES)
def test_patch_by_id_changes_nothing(sallyport, token, foreign, table):
    change = {"customers": {"name": "taken"}, "orders": {"notes": "taken"}, "order_items": {"product": "taken"}}[table]
    answer = sallyport.api("PATCH", f"{table}?id=eq.{foreign[table]['id']}", token, json=change, headers=REPRESENTATION)
    assert answer.status_code == 200 and answer.json() == []


def test_patch_by_filter_changes_nothing(sallyport, token, foreign):
    answer = sallyport.api("PATCH", "orders", token, params={"customer_id": f"eq.{foreign['customers']['id']}"}, json={"notes": "taken"}, headers=REPRESENTATION)
    assert answer.status_code == 200 and answer.json() == []


@pytest.mark.parametrize("table", TABLES)
def test_delete_by_id_deletes_nothing(sallyport, token, foreign, table):
    answer = sallyport.api("DELETE", f"{table}?id=eq.{foreign[table]['id']}", token, headers=REPRESENTATION)
    assert answer.status_code == 200 and answer.json() == []


def test_delete_by_filter_deletes_nothing(sallyport, token, foreign):
    answer = sallyport.api("DELETE", "order_items", token, params={"order_id": f"eq.{foreign['orders']['id']}"}, headers=REPRESENTATION)
    assert answer.status_code == 200 and answer.json() == []


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_tenant_id_is_not_accepted_in_a_body(sallyport, token, method):
    globex = sallyport.sql("SELECT id FROM auth.tenant WHERE slug = 'globex'")
    path = "customers" if method == "POST" else "customers?name=eq.nobody"
    answer = sallyport.api(method, path, token, json={"name": "planted", "tenant_id": globex})
    assert answer.status_code == 400, answer.text
    assert sallyport.sql("SELECT count(*) FROM api.customers WHERE name = 'planted'") == "0"


@pytest.mark.parametrize("query", ["select=tenant_id", "tenant_id=eq.{globex}", "order=tenant_id", "select=id,t:tenant_id"])
def test_tenant_id_does_not_exist_in_a_query(sallyport, token, query):
    globex = sallyport.sql("SELECT id FROM auth.tenant WHERE slug = 'globex'")
    assert sallyport.api("GET", "customers?" + query.format(globex=globex), token).status_code == 400


def test_a_row_cannot_refer_to_a_foreign_row(sallyport, token, foreign):
    answer = sallyport.api("POST", "orders", token, json={"customer_id": foreign["customers"]["id"]})
    assert answer.status_code == 409, answer.text
    own = sallyport.rows("order_items?limit=1&order=id", token)[0]
    answer = sallyport.api("PATCH", f"order_items?id=eq.{own['id']}", token, json={"order_id": foreign["orders"]["id"]})
    assert answer.status_code == 409, answer.text


def test_a_foreign_id_is_free_to_take_and_tells_nothing(sallyport, token, foreign):
    """An insert with an id that another tenant uses succeeds: a conflict would tell that it exists."""
    row = {"id": foreign["customers"]["id"], "name": "same id"}
    assert sallyport.api("POST", "customers", token, json=row).status_code == 201
    assert sallyport.api("DELETE", f"customers?id=eq.{row['id']}", token, headers=REPRESENTATION).json()[0]["name"] == "same id"


def test_deleting_everything_deletes_own_rows_only(sallyport):
    for slug in ("emptied", "kept"):
        sallyport.new_tenant(slug)
        token = sallyport.token(slug, None, sallyport.new_client(slug))
        answer = sallyport.api("POST", "customers", token, json=[{"name": f"{slug} {n}"} for n in range(3)])
        assert answer.status_code == 201, answer.text
        if slug == "emptied":
            emptied = token
    assert sallyport.api("DELETE", "customers?id=not.is.null", emptied).status_code == 204
    assert sallyport.rows("customers", emptied) == []
    assert [row["name"] for row in sallyport.rows("customers?order=name", token)] == ["kept 0", "kept 1", "kept 2"]


@pytest.mark.parametrize("header", ["globex", "nobody", "acme, globex"])
def test_a_header_that_names_another_tenant_is_refused(sallyport, token, header):
    assert sallyport.api("GET", "customers", token, headers={"X-Tenant-ID": header}).status_code == 403


def test_a_header_that_names_the_tokens_tenant_is_fine(sallyport, token):
    assert sallyport.api("GET", "customers?limit=1", token, headers={"X-Tenant-ID": "acme"}).status_code == 200


@pytest.mark.parametrize("statement, outcome", [
    ("SELECT count(*) FROM api.customers", "0"),
    ("SELECT count(*) FROM api.orders", "0"),
    ("WITH gone AS (DELETE FROM api.customers RETURNING 1) SELECT count(*) FROM gone", "0"),
    ("INSERT INTO api.customers (name) VALUES ('nobody''s')", None),
    ("SELECT count(*) FROM auth.client", None),
    ("SET row_security = off; SELECT count(*) FROM api.customers", None),
])
def test_without_a_tenant_the_api_role_sees_no_row(sallyport, statement, outcome):
    """Straight on the database, as the role that resource-api uses."""
    done = subprocess.run(
        [program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", sallyport.stack.cluster.url("sallyport_api")],
        input=statement, text=True, capture_output=True, check=False, env=clean_environment())
    if outcome is None:
        assert done.returncode != 0
    else:
        assert (done.returncode, done.stdout.strip()) == (0, outcome), done.stderr

"""resource-api: what a client does wrong is a 4xx as JSON in PostgREST's shape, and tells nothing of the inside."""

import secrets

import pytest
from support import ALL_CUSTOMERS

UUID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def token(sallyport):
    return sallyport.token("acme", ALL_CUSTOMERS + " orders:read orders:write order_items:read order_items:write")


def assert_error(answer, *statuses: int) -> dict:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body.keys() == {"code", "message", "details", "hint"}
    shown = answer.text.lower()
    for inside in ("select coalesce", 'from \\"', "sallyport_", "tenant_id", "current_tenant", "pg_catalog", ".swift", "libpq", "constraint \\\""):
        assert inside not in shown, answer.text
    return body


@pytest.mark.parametrize("table", ["nothing", "Customers", "pg_class", "auth.client", "tenant", "signing_key", "customers%22", "customers;", "a" * 200])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_unknown_table(sallyport, token, table, method):
    answer = sallyport.api(method, table, token, **({"json": {"a": 1}} if method in ("POST", "PATCH") else {}))
    assert_error(answer, 404)


def test_a_zero_byte_in_the_path(sallyport, token):
    answer = sallyport.api("GET", "customers%00", token)
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("query", [
    "nothing=eq.1", "select=nothing", "order=nothing", "select=id,name,nothing", "ctid=eq.1", "xmin=eq.1", "select=id::nothing",
    "id=eq.not-a-uuid", f"id=neq.{UUID}x", "id=xx.1", "id", "id=", "id=eq", "name=eq.%00", "name=eq.%ff",
    "limit=-1", "limit=x", "limit=1.5", "limit=99999999999999999999", "offset=-1", "offset=x", "order=name.sideways", "order=name.asc.nullsmiddle", "select=(", "select=id,,name", "select=id)",
    "limit=1&limit=2",
])
def test_bad_query(sallyport, token, query):
    assert_error(sallyport.api("GET", "customers?" + query, token), 400)


@pytest.mark.parametrize("value", [
    "'; DROP TABLE api.customers; --", "' OR 1=1 --", "\\", "$1", "%", "*", '"', "{}", "null", "\u2028", "日本語", "a" * 3000,
])
def test_values_are_only_values(sallyport, token, value):
    answer = sallyport.api("GET", "customers", token, params={"name": f"eq.{value}"})
    assert answer.status_code == 200 and answer.json() == []


@pytest.mark.parametrize("body", [
    b"", b"{", b"nothing", b'{"name": }', b'{"name": "x"', b'{"name": "x"}}', b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'"text"', b"1", b"null",
    b'[1]', b'[{"name": "x"}, 1]', b"[" * 5000, b'{"name": "x", "name": "y"}', b'{"name": "a\\u0000b"}', b'\xef\xbb\xbf{"name": "x"}',
])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_broken_body(sallyport, token, method, body):
    path = "customers" if method == "POST" else f"customers?id=eq.{UUID}"
    answer = sallyport.api(method, path, token, data=body, headers={"Content-Type": "application/json"})
    if method == "PATCH" and answer.status_code == 204:
        assert body == b"" or b"u0000" in body, "an empty change, or one that met no row"
        return
    assert_error(answer, 400)


@pytest.mark.parametrize("row, status", [
    ({"nothing": 1}, 400), ({"name": None}, 400), ({"name": ""}, 400), ({"name": "   "}, 400), ({}, 400), ({"id": "x", "name": "x"}, 400),
    ({"id": None, "name": "x"}, 400),
])
def test_bad_row(sallyport, token, row, status):
    assert_error(sallyport.api("POST", "customers", token, json=row), status)


def test_constraints_are_conflicts(sallyport, token):
    row = sallyport.rows("customers?limit=1&select=id,name", token)[0]
    assert_error(sallyport.api("POST", "customers", token, json=row), 409)
    assert_error(sallyport.api("POST", "orders", token, json={"customer_id": UUID}), 409)
    referred = sallyport.rows("orders?limit=1&select=customer_id", token)[0]["customer_id"]
    assert_error(sallyport.api("DELETE", f"customers?id=eq.{referred}", token), 409)


@pytest.mark.parametrize("item", [{"quantity": 0}, {"quantity": "many"}, {"quantity": 99999999999}, {"unit_price": "1e400"}, {"unit_price": 10 ** 11}])
def test_values_that_the_type_or_check_refuses(sallyport, token, item):
    order = sallyport.rows("orders?limit=1&select=id", token)[0]["id"]
    assert_error(sallyport.api("POST", "order_items", token, json={"order_id": order, "product": "x", "unit_price": 1} | item), 400)


def test_a_failed_row_stores_none_of_its_list(sallyport, token):
    assert_error(sallyport.api("POST", "customers", token, json=[{"name": "half stored"}, {"name": ""}]), 400)
    assert sallyport.rows("customers?name=eq.half%20stored", token) == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_wrong_content_type(sallyport, token, content_type):
    assert_error(sallyport.api("POST", "customers", token, data=b'{"name":"x"}', headers={"Content-Type": content_type}), 400, 415)


@pytest.mark.parametrize("method", ["FOO", "PROPFIND"])
def test_wrong_method(sallyport, token, method):
    answer = sallyport.api(method, "customers", token)
    assert_error(answer, 405)
    assert {"GET", "POST", "PATCH", "DELETE"} <= {word.strip() for word in answer.headers["Allow"].split(",")}


def test_put_without_the_key(sallyport, token):
    answer = sallyport.api("PUT", "customers", token, json={"name": "x"})
    assert assert_error(answer, 405)["code"] == "PGRST105"
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(","))


def test_options_tells_what_the_token_may_do(sallyport):
    answer = sallyport.api("OPTIONS", "customers", sallyport.token("acme", "customers:read"))
    assert answer.status_code == 200 and answer.content == b""
    assert answer.headers["Allow"] == "OPTIONS,GET,HEAD"


@pytest.mark.parametrize("path", ["customers/1", "a/b/c"])
def test_unknown_path(sallyport, token, path):
    assert_error(sallyport.api("GET", path, token), 404)


def test_a_slash_at_the_end_is_forgiven(sallyport, token):
    assert sallyport.api("GET", "customers/", token).json() == sallyport.api("GET", "customers", token).json()


def test_body_too_large(sallyport, token):
    answer = sallyport.api("POST", "customers", token, json={"name": "x" * 1_100_000})
    assert_error(answer, 413)
    assert_error(sallyport.http.post(
        f"http://127.0.0.1:{sallyport.stack.settings.ports['resource-api']}/api/v1/customers", json={"name": "x" * 1_100_000},
        headers={"Authorization": f"Bearer {token}"}), 413)


def test_a_body_just_within_the_limit(sallyport, token):
    answer = sallyport.api("POST", "customers", token, json={"name": "Large", "email": "x" * 1_000_000})
    assert answer.status_code == 201, answer.text
    assert sallyport.api("DELETE", "customers?name=eq.Large", token).status_code == 204


def test_a_value_too_long_for_an_index(sallyport, token):
    assert_error(sallyport.api("POST", "customers", token, json={"name": secrets.token_hex(20_000)}), 400, 413)


@pytest.mark.parametrize("prefer", ["return=sideways", "count=all", "nonsense", "return=minimal, return=representation", ",,,", "a" * 2000])
def test_odd_preferences_are_ignored_or_refused(sallyport, token, prefer):
    answer = sallyport.api("GET", "customers?limit=1", token, headers={"Prefer": prefer})
    if answer.status_code not in (200, 206):
        assert_error(answer, 400)


def test_nobody_can_ask_for_the_health_or_metrics_through_the_gateway(sallyport):
    for path in ("/livez", "/readyz", "/metrics", "/api/livez", "/t/livez"):
        assert sallyport.http.get(sallyport.base_url + path).status_code == 404

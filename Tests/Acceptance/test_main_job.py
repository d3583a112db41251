"""A backend gets a token with client credentials and sees its own tenant's rows."""

import json
import subprocess

import pytest
from sallystack.settings import CHECKOUT
from sallystack.welcome import session
from support import segments


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_token_by_basic_lists_own_rows(sallyport, tenant):
    answer = sallyport.ask_token(tenant, scope="customers:read")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "customers:read"
    assert body["expires_in"] == 3600

    rows = sallyport.rows("customers?select=id,name,email,phone&order=name", body["access_token"])
    stored = sallyport.sql(f"SELECT count(*) FROM api.customers c JOIN auth.tenant t ON t.id = c.tenant_id WHERE t.slug = '{tenant}'")
    assert len(rows) == int(stored) >= 20
    assert all(row.keys() == {"id", "name", "email", "phone"} for row in rows)


def test_token_by_post_lists_own_rows(sallyport):
    client_id, secret = sallyport.new_client("acme", "customers:read", "--auth-method", "client_secret_post")
    answer = sallyport.ask_token("acme", None, client_id=client_id, client_secret=secret)
    assert answer.status_code == 200, answer.text
    assert len(sallyport.rows("customers", answer.json()["access_token"])) >= 20


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_at_the_root_endpoint_the_clients_own_tenant_decides(sallyport, tenant):
    answer = sallyport.ask_token(None, sallyport.credentials(tenant))
    assert answer.status_code == 200, answer.text
    _, claims, _ = segments(answer.json()["access_token"])
    assert claims["iss"] == sallyport.issuer(tenant)
    assert claims["tenant"] == tenant


def test_without_scope_the_client_gets_all_it_may_have(sallyport):
    granted = set(sallyport.ask_token("acme").json()["scope"].split())
    assert {"customers:read", "customers:write", "customers:delete", "orders:read", "order_items:read", "currencies:read"} <= granted


def test_scopes_are_narrowed_to_what_the_client_may_have(sallyport):
    answer = sallyport.ask_token("acme", scope="customers:read payroll:read")
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "customers:read"


def test_shared_table_is_the_same_for_both_tenants_and_read_only(sallyport):
    lists = [sallyport.rows("currencies?order=code", sallyport.token(tenant)) for tenant in ("acme", "globex")]
    assert lists[0] == lists[1] and len(lists[0]) >= 5
    refused = sallyport.api("POST", "currencies", sallyport.token("acme"), json={"code": "XTS", "name": "Test"})
    assert refused.status_code == 403


def test_write_read_change_delete(sallyport):
    token = sallyport.token("acme", "customers:read customers:write customers:delete")
    made = sallyport.api("POST", "customers", token, json={"name": "Round trip"}, headers={"Prefer": "return=representation"})
    assert made.status_code == 201, made.text
    row = made.json()[0]
    assert row["name"] == "Round trip" and "tenant_id" not in row
    one = f"customers?id=eq.{row['id']}"
    assert sallyport.api("PATCH", one, token, json={"phone": "+1 555 0100"}).status_code == 204
    assert sallyport.rows(one + "&select=name,phone", token) == [{"name": "Round trip", "phone": "+1 555 0100"}]
    assert sallyport.api("DELETE", one, token).status_code == 204
    assert sallyport.rows(one, token) == []


def test_list_with_order_limit_and_offset(sallyport):
    token = sallyport.token("acme", "customers:read")
    names = [row["name"] for row in sallyport.rows("customers?select=name&order=name.asc", token)]
    page = sallyport.rows("customers?select=name&order=name.asc&limit=5&offset=3", token)
    assert [row["name"] for row in page] == names[3:8]


def test_the_session_printed_by_make_run_works_as_pasted(sallyport):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(session(sallyport.stack.settings))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == 5 and rows == sorted(rows, key=lambda row: row["name"])


def test_the_readmes_own_lines_work(sallyport):
    readme = (CHECKOUT / "README.md").read_text()
    lines = next(block for block in readme.split("```") if "curl" in block).removeprefix("sh\n")
    settings = sallyport.stack.settings
    lines = lines.replace(".run/demo.json", str(settings.demo_file)).replace("http://127.0.0.1:8080", settings.base_url)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 5


def test_second_seeding_keeps_secrets_and_rows(sallyport):
    before = sallyport.stack.settings.demo_file.read_text()
    count = sallyport.sql("SELECT count(*) FROM api.customers")
    sallyport.stack.seed()
    assert sallyport.stack.settings.demo_file.read_text() == before
    assert sallyport.sql("SELECT count(*) FROM api.customers") == count
    assert sallyport.stack.settings.demo_file.stat().st_mode & 0o777 == 0o600

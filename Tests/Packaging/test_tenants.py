"""A tenant moves to another deployment with everything it has, and leaves nothing behind."""

import json
import secrets
import subprocess

import pytest
import requests
from sallystack.cluster import SUPERUSER, clean_environment, program
from support import Sallyport

SLUG = "initech"


@pytest.fixture(scope="module")
def transfer_key(tmp_path_factory):
    path = tmp_path_factory.mktemp("transfer") / "key"
    path.write_text(secrets.token_hex(32) + "\n")
    return path


@pytest.fixture(scope="module")
def source(make_stack) -> Sallyport:
    stack = make_stack("tenant-source")
    stack.up()
    return Sallyport(stack)


@pytest.fixture(scope="module")
def destination(make_stack) -> Sallyport:
    stack = make_stack("tenant-destination")
    stack.up()
    return Sallyport(stack)


class Tenant:
    """A tenant with people, clients and rows; and what must be true of it wherever it is."""

    def __init__(self, sallyport: Sallyport):
        self.id = sallyport.new_tenant(SLUG)["id"]
        self.legacy = sallyport.new_client(SLUG, "customers:read customers:write", grants=("password", "refresh_token"))
        self.service = sallyport.new_client(SLUG, "*:*")
        self.signer = sallyport.new_client(SLUG, "*:*", "--auth-method", "client_secret_jwt")
        self.people = [sallyport.new_user(SLUG, name) for name in ("peter", "milton")]
        # Somebody of another tenant's, who joins.
        sallyport.stack.run("auth-server", "user", "create", "--tenant", SLUG, "--existing", "consultant@example.com", "--role", "user")
        token = self.token(sallyport)
        self.rows = []
        for number in range(30):
            row = {"id": f"{number:08d}-0000-4000-8000-{secrets.token_hex(6)}", "name": f"Stapler No. {number} “ü\\”\n", "email": f"row{number}@initech.example"}
            answer = sallyport.api("POST", "customers", token, json=row)
            assert answer.status_code == 201, answer.text
            self.rows.append(row)
        for row in self.rows[:3]:
            answer = sallyport.api("POST", "orders", token, json={"customer_id": row["id"], "status": "open", "total": "1234567890.10"})
            assert answer.status_code == 201, answer.text
        self.keys = self.key_ids(sallyport)
        self.audit = self.audit_rows(sallyport)

    def token(self, sallyport: Sallyport) -> str:
        answer = sallyport.ask_token(SLUG, self.service)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def key_ids(self, sallyport: Sallyport) -> set[str]:
        return {key["kid"] for key in requests.get(f"{sallyport.issuer(SLUG)}/oauth2/jwks", timeout=10).json()["keys"]}

    def audit_rows(self, sallyport: Sallyport) -> int:
        report = sallyport.cli("audit", "verify", "--tenant", SLUG)
        assert report["intact"]
        return report["tenants"][0]["rows"]

    def names(self) -> list[str]:
        """What nobody but this tenant has."""
        return [
            SLUG, self.id, *(client[0] for client in (self.legacy, self.service, self.signer)), *(row["id"] for row in self.rows), "Stapler",
            *(value for person in self.people for value in (person["username"], person["id"])), *self.keys]


@pytest.fixture(scope="module")
def tenant(source) -> Tenant:
    return Tenant(source)


@pytest.fixture(scope="module")
def exported(source, tenant, transfer_key, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "initech.jsonl"
    source.cli("tenant", "export", SLUG, "--output", str(path), "--transfer-key-file", str(transfer_key))
    return path


def move(sallyport: Sallyport, *arguments, check: bool = False) -> subprocess.CompletedProcess:
    done = sallyport.stack.run("auth-server", "tenant", *map(str, arguments), check=check)
    assert "Fatal error" not in done.stderr
    return done


def test_the_file_is_private_and_holds_this_tenant_alone(exported, source, tenant, transfer_key):
    assert exported.stat().st_mode & 0o777 == 0o600
    text = exported.read_text()
    others = source.sql("SELECT id FROM auth.tenant WHERE slug <> 'initech'").split() + source.sql(
        "SELECT email FROM auth.account WHERE id NOT IN (SELECT account_id FROM auth.membership AS m JOIN auth.tenant AS t ON t.id = m.tenant_id WHERE slug = 'initech')").split()
    assert len(others) > 8 and not [name for name in others if name in text]
    assert not [name for name in tenant.names() if name not in text.encode().decode("unicode_escape", errors="ignore") and name not in text]
    # Nothing is sealed as the database has it, and nothing is open.
    for sealed in source.sql("SELECT encode(sealed_private_key, 'hex') FROM auth.signing_key WHERE sealed_private_key IS NOT NULL").split():
        assert sealed not in text
    assert source.stack.settings.master_key_file.read_text().strip() not in text and transfer_key.read_text().strip() not in text


def contents(sallyport: Sallyport) -> str:
    """How many rows each table of the services has."""
    return sallyport.sql("""
        SELECT string_agg(format('%s %s', relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', nspname, relname), false, true, '')))[1]), ', ' ORDER BY relname)
          FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('auth', 'api') AND relkind = 'r'""")


def damaged(exported, tmp_path, change):
    path = tmp_path / "damaged.jsonl"
    lines = exported.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))
    return path


@pytest.mark.parametrize("change", [
    lambda lines: lines[:-1],
    lambda lines: lines[:-2] + lines[-1:],
    lambda lines: lines[1:],
    lambda lines: [*lines, lines[-1]],
    lambda lines: [lines[0].replace('"sallyport_tenant":1', '"sallyport_tenant":2'), *lines[1:]],
    lambda lines: [lines[0].replace('"schema":', '"schema":9'), *lines[1:]],
    lambda lines: [*lines[:-1], lines[-1].rstrip("\n")],
], ids=["no end", "a row less", "no beginning", "two ends", "another format", "a newer schema", "cut in the last line"])
def test_half_a_file_changes_nothing(exported, destination, transfer_key, tmp_path, change):
    before = contents(destination)
    done = move(destination, "import", damaged(exported, tmp_path, change), "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert contents(destination) == before


def test_another_key_or_another_tenants_row_changes_nothing(exported, destination, transfer_key, tmp_path, tenant):
    before = contents(destination)
    other = tmp_path / "other.key"
    other.write_text(secrets.token_hex(32))
    assert move(destination, "import", exported, "--transfer-key-file", other).returncode == 1
    acme = destination.sql("SELECT id FROM auth.tenant WHERE slug = 'acme'")
    smuggled = damaged(exported, tmp_path, lambda lines: [
        line.replace(tenant.id, acme) if '"name":"Stapler' in line or "Stapler No. 7" in line else line for line in lines])
    done = move(destination, "import", smuggled, "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and contents(destination) == before


def test_an_address_that_is_somebody_elses_here_is_refused(exported, destination, transfer_key, tmp_path, tenant):
    path = damaged(exported, tmp_path, lambda lines: [line.replace(tenant.people[0]["username"], "Owner@acme.example") for line in lines])
    done = move(destination, "import", path, "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and "owner@acme.example" in done.stderr.lower()


@pytest.fixture(scope="module")
def moved(exported, destination, transfer_key, tenant, source):
    # Both demos have a consultant, each an account of its own: at the destination the address goes to the one who arrives.
    destination.sql("UPDATE auth.account SET email = 'other-consultant@example.com' WHERE email = 'consultant@example.com'")
    move(destination, "import", exported, "--transfer-key-file", transfer_key, check=True)
    return destination


def test_everything_works_where_it_arrived(moved, tenant):
    """At once: the running services have heard of it."""
    for person in tenant.people:
        answer = moved.ask_token(SLUG, tenant.legacy, grant_type="password", username=person["username"], password=person["password"])
        assert answer.status_code == 200, answer.text
    token = tenant.token(moved)
    rows = moved.rows("customers?select=id,name,email&order=id", token)
    assert rows == sorted(tenant.rows, key=lambda row: row["id"])
    assert [order["total"] for order in moved.rows("orders?select=total", token)] == [1234567890.10] * 3
    assert tenant.key_ids(moved) == tenant.keys
    assert tenant.audit_rows(moved) > tenant.audit
    actions = [event["action"] for event in moved.cli("audit", "list", "--tenant", SLUG, "--limit", "1000")["events"]]
    assert "tenant.imported" in actions and "tenant.created" in actions
    # Other tenants see none of it.
    assert not [row for row in moved.rows("customers?select=name", moved.token("acme", "customers:read")) if "Stapler" in row["name"]]


def test_secrets_are_sealed_under_the_master_key_of_here(moved, tmp_path):
    new = tmp_path / "new.key"
    new.write_text(secrets.token_hex(32))
    current = moved.stack.settings.master_key_file
    report = json.loads(moved.stack.run("auth-server", "key", "reseal", "--new-master-key-file", str(new), "--json").stdout)
    assert report["client_secrets"] >= 1 and report["signing_keys"] >= 2
    # Back again, with the new one as the present.
    moved.stack.run("auth-server", "key", "reseal", "--new-master-key-file", str(current), SALLYPORT_MASTER_KEY_FILE=str(new))


def test_what_is_there_is_not_imported_again(moved, exported, transfer_key):
    before = contents(moved)
    done = move(moved, "import", exported, "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and contents(moved) == before


def dump(sallyport: Sallyport) -> str:
    """The whole database as text."""
    done = subprocess.run(
        [program("pg_dump"), "-d", sallyport.stack.cluster.url(SUPERUSER, "sallyport")], env=clean_environment() | {"LC_ALL": "C.UTF-8"},
        capture_output=True, check=True)
    return done.stdout.decode(errors="replace")


def test_an_erased_tenant_leaves_nothing(moved, source, tenant):
    """Where it came from. Last of this file: the move is complete."""
    refusals = [
        ("delete", SLUG, "--confirm", "initec", "--now"), ("delete", SLUG, "--confirm", SLUG, "--now"), ("delete", "system", "--confirm", "system", "--now")]
    for refused in refusals:
        assert move(source, *refused).returncode == 1
    before = dump(source)
    assert all(name in before for name in tenant.names())
    acme = source.sql("SELECT count(*) FROM auth.membership AS m JOIN auth.tenant AS t ON t.id = m.tenant_id WHERE slug = 'acme'")
    token = tenant.token(source)
    move(source, "disable", SLUG, check=True)
    assert move(source, "delete", SLUG, "--confirm", SLUG).returncode == 1, "its tokens may still live"
    move(source, "delete", SLUG, "--confirm", SLUG, "--now", check=True)
    after = dump(source)
    assert not [name for name in tenant.names() if name in after]
    assert "consultant@example.com" in after, "who is in another tenant stays"
    assert source.sql("SELECT count(*) FROM auth.membership AS m JOIN auth.tenant AS t ON t.id = m.tenant_id WHERE slug = 'acme'") == acme
    assert source.api("GET", "customers", token).status_code == 401
    assert source.ask_token(SLUG, tenant.service).status_code in (401, 404)
    assert source.cli("audit", "verify", "--all")["intact"]
    assert source.token("acme", "customers:read customers:write")
    # The slug is free again, and what was disabled for the time being is at work.
    assert source.sql("SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal") == "0"
    assert source.new_tenant(SLUG)["id"] != tenant.id

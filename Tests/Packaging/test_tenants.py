"""A tenant moves to another deployment with everything it has, and leaves nothing behind."""

import hashlib
import json
import secrets
import subprocess

import pytest
import requests
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from documents import OPERATIONS, block
from sallystack.cluster import OWNER, SUPERUSER, clean_environment, program
from support import Sallyport
from tenants import contents, move, tenant_id

SLUG = "initech"

# What developers may have: values that JSON would bend, triggers that change or refuse rows, tables that refer to each other, another schema,
# partitions, a table that nobody declared.
TABLES = f"""
SET ROLE {OWNER};
CREATE TABLE api.machines (
    tenant_id  uuid NOT NULL DEFAULT sallyport.current_tenant(),
    number     integer GENERATED ALWAYS AS IDENTITY,
    label      text NOT NULL,
    twice      text GENERATED ALWAYS AS (label || label) STORED,
    settings   jsonb NOT NULL,
    raw        json,
    picture    bytea,
    grid       integer[],
    price      numeric,
    weight     double precision,
    seen_at    timestamptz,
    span       interval,
    code       char(5),
    flags      bit(4),
    created_at timestamptz,
    PRIMARY KEY (tenant_id, number)
);
SELECT sallyport.enable_tenancy('api.machines');
SELECT sallyport.enable_soft_delete('api.machines');
SELECT sallyport.enable_audit('api.machines');
SELECT sallyport.maintain('api.machines');
CREATE FUNCTION api.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'machines are never removed'; END $$;
CREATE FUNCTION api.shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$;
CREATE TRIGGER never BEFORE DELETE ON api.machines FOR EACH ROW EXECUTE FUNCTION api.never();
ALTER TABLE api.machines ENABLE ALWAYS TRIGGER never;
CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON api.machines FOR EACH ROW EXECUTE FUNCTION api.shout();

CREATE TABLE api.chapters (tenant_id uuid NOT NULL, id integer, first_page integer, PRIMARY KEY (tenant_id, id));
CREATE TABLE api.pages (tenant_id uuid NOT NULL, id integer, chapter integer NOT NULL, PRIMARY KEY (tenant_id, id),
                        FOREIGN KEY (tenant_id, chapter) REFERENCES api.chapters (tenant_id, id));
ALTER TABLE api.chapters ADD FOREIGN KEY (tenant_id, first_page) REFERENCES api.pages (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
SELECT sallyport.enable_tenancy('api.chapters'), sallyport.enable_tenancy('api.pages');

CREATE SCHEMA warehouse;
CREATE TABLE warehouse.crates (tenant_id uuid NOT NULL, id integer, label text, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id);
CREATE TABLE warehouse.crates_few PARTITION OF warehouse.crates FOR VALUES FROM (0) TO (10);
CREATE TABLE warehouse.crates_many PARTITION OF warehouse.crates FOR VALUES FROM (10) TO (1000);
SELECT sallyport.enable_tenancy('warehouse.crates');
CREATE TRIGGER never BEFORE DELETE ON warehouse.crates FOR EACH ROW EXECUTE FUNCTION api.never();

CREATE TABLE api.drafts (tenant_id uuid NOT NULL, body text);
CREATE MATERIALIZED VIEW api.machine_counts AS SELECT tenant_id, count(*) AS machines FROM api.machines GROUP BY tenant_id;
"""

ROWS = """
INSERT INTO api.machines (tenant_id, label, settings, raw, picture, grid, price, weight, seen_at, span, code, flags) VALUES
    ('{tenant}', '{name} printer', 'null', E'{{"b":\\n 1,  "b": "x"}}', '\\x00ff0a', '[2:3]={{1,NULL}}', 'NaN', 0.1::float8 + 0.2, 'infinity', '1 mon -3 days 04:05:06.7', 'ab', B'1010'),
    ('{tenant}', '{name} fax', '[1, 1.50, "\\u2028"]', NULL, '', '{{{{1,2}},{{3,4}}}}', 12345678901234567890.123456789, '-Infinity', '1066-10-14 BC', '-00:00:01', '', B'0000'),
    ('{tenant}', '{name} shredder', '{{"a": null}}', 'null', NULL, '{{}}', 1.10, 1e-300, '2026-01-02 03:04:05.678901+05:30', '0', NULL, NULL);
UPDATE api.machines SET deleted_at = now() WHERE tenant_id = '{tenant}' AND label LIKE '% SHREDDER';
BEGIN;
INSERT INTO api.chapters VALUES ('{tenant}', 1, 1), ('{tenant}', 2, NULL);
INSERT INTO api.pages VALUES ('{tenant}', 1, 1), ('{tenant}', 2, 1);
COMMIT;
INSERT INTO warehouse.crates VALUES ('{tenant}', 1, '{name} few'), ('{tenant}', 500, '{name} many');
INSERT INTO api.drafts SELECT '{tenant}', '{name} draft ' || n || repeat(' and so on', 60) FROM generate_series(1, 400) AS n;
"""

# Of half a year before partitions for it would be made.
OLD_CHANGE = """
CREATE TABLE sallyport.row_audit_202401 PARTITION OF sallyport.row_audit FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2024-02-01 00:00+00');
INSERT INTO sallyport.row_audit (tenant_id, changed_at, "schema", "table", key, action, login, after)
VALUES ('{tenant}', '2024-01-31 23:59:59.999999+00', 'api', 'machines', '1', 'insert', 'x', '{{"label": "{name} of long ago"}}');
"""


@pytest.fixture(scope="module")
def transfer_key(tmp_path_factory):
    """Made as docs/OPERATIONS.md says, by somebody whose files everybody can read."""
    directory = tmp_path_factory.mktemp("transfer")
    command = block(OPERATIONS, "Moving and erasing tenants").text.splitlines()[0]
    subprocess.run(["sh", "-c", f"umask 022; {command}"], cwd=directory, check=True)
    return directory / "transfer.key"


def started(stack) -> Sallyport:
    stack.up()
    sallyport = Sallyport(stack)
    sallyport.sql(TABLES)
    sallyport.sql(ROWS.format(tenant=tenant_id(sallyport, "acme"), name="Roadrunner"))
    return sallyport


@pytest.fixture(scope="module")
def source(make_stack) -> Sallyport:
    return started(make_stack("tenant-source"))


@pytest.fixture(scope="module")
def destination(make_stack) -> Sallyport:
    """Whose database writes values in ways of its own."""
    sallyport = started(make_stack("tenant-destination"))
    sallyport.sql("ALTER DATABASE sallyport SET bytea_output = 'escape'; ALTER DATABASE sallyport SET datestyle = 'German, DMY'")
    sallyport.sql("ALTER DATABASE sallyport SET intervalstyle = 'iso_8601'; ALTER DATABASE sallyport SET timezone = 'Asia/Kathmandu'")
    return sallyport


class Tenant:
    """A tenant with people, clients and rows; and what must be true of it wherever it is."""

    def __init__(self, sallyport: Sallyport):
        self.id = sallyport.new_tenant(SLUG)["id"]
        self.legacy = sallyport.new_client(SLUG, "customers:read customers:write", grants=("password", "refresh_token"))
        self.service = sallyport.new_client(SLUG, "*:*")
        self.signer = sallyport.new_client(SLUG, "*:*", "--auth-method", "client_secret_jwt")
        self.people = [sallyport.new_user(SLUG, name) for name in ("gibbonspeter", "waddamsmilton")]
        # Somebody of another tenant's, who joins.
        sallyport.stack.run("auth-server", "user", "create", "--tenant", SLUG, "--existing", "consultant@example.com", "--role", "user")
        sallyport.sql(f"""INSERT INTO auth.recovery_code VALUES ('{self.people[0]["id"]}', '\\x{secrets.token_hex(32)}')""")
        token = self.token(sallyport)
        self.rows = []
        for number in range(30):
            row = {"id": f"{number:08d}-0000-4000-8000-{secrets.token_hex(6)}", "name": f"Swingline No. {number} “ü\\”\n", "email": f"row{number}@initech.example"}
            answer = sallyport.api("POST", "customers", token, json=row, headers={"Idempotency-Key": f'"{secrets.token_hex(8)}"'})
            assert answer.status_code == 201, answer.text
            self.rows.append(row)
        for row in self.rows[:3]:
            answer = sallyport.api("POST", "orders", token, json={"customer_id": row["id"], "status": "open", "total": "1234567890.10"})
            assert answer.status_code == 201, answer.text
        sallyport.sql(ROWS.format(tenant=self.id, name="Swingline") + OLD_CHANGE.format(tenant=self.id, name="Swingline"))
        # What passes: grants, throttles, revocations.
        for person in self.people:
            assert self.sign_in(sallyport, person).status_code == 200
            assert self.sign_in(sallyport, person | {"password": "wrong"}).status_code == 400
        revoked = sallyport.http.post(
            f"{sallyport.issuer(SLUG)}/oauth2/revoke", data={"token": self.token(sallyport)}, auth=self.service, timeout=10)
        assert revoked.status_code == 200
        self.factor = secrets.token_bytes(20)
        seal(sallyport, "auth.second_factor", f"second-factor {self.people[0]['id']}", self.factor, self.people[0]["id"])
        self.keys = self.key_ids(sallyport)
        self.audit = self.audit_rows(sallyport)

    def sign_in(self, sallyport: Sallyport, person: dict) -> requests.Response:
        return sallyport.ask_token(SLUG, self.legacy, grant_type="password", username=person["username"], password=person["password"])

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
            SLUG, SLUG.title(), self.id, *(client[0] for client in (self.legacy, self.service, self.signer)),
            *(value for row in self.rows for value in (row["id"], row["email"])), "Swingline", "SWINGLINE", "Gibbonspeter", "Waddamsmilton",
            *(value for person in self.people for value in (person["username"], person["id"])), *self.keys]


def seal(sallyport: Sallyport, table: str, context: str, secret: bytes, account: str) -> None:
    key = bytes.fromhex(sallyport.stack.settings.master_key_file.read_text().strip())
    header, nonce = b"\x01" + hashlib.sha256(key).digest()[:4], secrets.token_bytes(12)
    sealed = header + nonce + AESGCM(key).encrypt(nonce, secret, header + context.encode())
    sallyport.sql(f"INSERT INTO {table} (account_id, sealed_secret, confirmed_at) VALUES ('{account}', '\\x{sealed.hex()}', now())")


def opened(sallyport: Sallyport, sealed: str, context: str) -> bytes:
    """With the master key of this deployment; `sealed` in hexadecimal."""
    key, message = bytes.fromhex(sallyport.stack.settings.master_key_file.read_text().strip()), bytes.fromhex(sealed)
    return AESGCM(key).decrypt(message[5:17], message[17:], message[:5] + context.encode())


def sealed_values(sallyport: Sallyport, tenant: Tenant) -> dict[str, str]:
    """Everything of the tenant that is sealed: what it is bound to, and the value."""
    rows = sallyport.sql(f"""
        SELECT 'signing-key ' || tenant_id || ' ' || key_id, encode(sealed_private_key, 'hex') FROM auth.signing_key WHERE tenant_id = '{tenant.id}' AND sealed_private_key IS NOT NULL
        UNION ALL
        SELECT 'client-secret ' || tenant_id || ' ' || client_id, encode(sealed_secret, 'hex') FROM auth.client_secret WHERE tenant_id = '{tenant.id}' AND sealed_secret IS NOT NULL
        UNION ALL
        SELECT 'second-factor ' || account_id, encode(sealed_secret, 'hex') FROM auth.second_factor WHERE account_id = '{tenant.people[0]["id"]}'""")
    return dict(line.split("|") for line in rows.splitlines())


@pytest.fixture(scope="module")
def tenant(source) -> Tenant:
    return Tenant(source)


@pytest.fixture(scope="module")
def readable(source, tenant, transfer_key, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "initech.jsonl"
    source.cli("tenant", "export", SLUG, "--output", str(path), "--readable", "--transfer-key-file", str(transfer_key))
    return path


@pytest.fixture(scope="module")
def exported(source, tenant, readable, transfer_key, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "initech"
    path.write_text("something of before, that anybody may read")
    path.chmod(0o644)
    source.cli("tenant", "export", SLUG, "--output", str(path), "--transfer-key-file", str(transfer_key))
    return path


def test_the_file_is_private_and_tells_nothing(exported, source, tenant, transfer_key):
    assert exported.stat().st_mode & 0o777 == 0o600 and [file.name for file in exported.parent.iterdir()] == [exported.name]
    text = exported.read_text()
    assert not [name for name in [*tenant.names(), "argon2", "customers"] if name in text]
    assert source.stack.settings.master_key_file.read_text().strip() not in text and transfer_key.read_text().strip() not in text
    actions = [event["action"] for event in source.cli("audit", "list", "--tenant", SLUG, "--limit", "9")["events"]]
    assert "tenant.exported" in actions


def test_a_readable_file_holds_this_tenant_alone_and_no_secret(readable, source, tenant, transfer_key):
    assert readable.stat().st_mode & 0o777 == 0o600
    text = readable.read_text()
    others = source.sql("SELECT id FROM auth.tenant WHERE slug <> 'initech'").split() + source.sql(
        "SELECT email FROM auth.account WHERE id NOT IN (SELECT account_id FROM auth.membership AS m JOIN auth.tenant AS t ON t.id = m.tenant_id WHERE slug = 'initech')").split()
    assert len(others) > 8 and not [name for name in [*others, "Roadrunner"] if name in text]
    assert not [name for name in tenant.names() if name not in text and name.replace("Swingline", "SWINGLINE") not in text]
    # Nothing is sealed as the database has it, and nothing is open.
    values = sealed_values(source, tenant)
    assert len(values) >= 4 and not [value for value in values.values() if value in text]
    assert tenant.factor.hex() not in text and tenant.signer[1] not in text


# The rows of a tenant: what moves, and as it is stored. Sealed values, and the log, which goes on, are looked at elsewhere.
MOVING = {
    "auth.tenant": "id", "auth.role": "tenant_id", "auth.client": "tenant_id", "auth.client_directory": "tenant_id", "auth.membership": "tenant_id",
    "auth.consent": "tenant_id", "auth.invitation": "tenant_id", "api.customers": "tenant_id", "api.orders": "tenant_id", "api.machines": "tenant_id",
    "api.chapters": "tenant_id", "api.pages": "tenant_id", "api.drafts": "tenant_id", "warehouse.crates": "tenant_id", "sallyport.row_audit": "tenant_id"}


def rows_of(sallyport: Sallyport, tenant: str) -> dict[str, str]:
    styles = "SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET bytea_output = hex; SET extra_float_digits = 1;"
    tables = {table: f"SELECT t::text FROM {table} AS t WHERE {column} = '{tenant}' ORDER BY 1" for table, column in MOVING.items()}
    tables["people"] = f"SELECT a::text FROM auth.account AS a JOIN auth.membership AS m ON m.account_id = a.id WHERE m.tenant_id = '{tenant}' ORDER BY 1"
    tables["codes"] = f"SELECT c::text FROM auth.recovery_code AS c JOIN auth.membership AS m USING (account_id) WHERE m.tenant_id = '{tenant}' ORDER BY 1"
    tables["secrets"] = f"SELECT client_id, secret_hash, expires_at FROM auth.client_secret WHERE tenant_id = '{tenant}' ORDER BY 1, 2"
    return {name: sallyport.sql(styles + statement) for name, statement in tables.items()}


# Which are at work; those that a partition has of its parent are the parent's.
TRIGGERS = "SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname"


def damaged(file, tmp_path, change):
    path = tmp_path / "damaged"
    path.write_text("".join(change(file.read_text().splitlines(keepends=True))))
    return path


@pytest.mark.parametrize("change", [
    lambda lines: lines[:-1],
    lambda lines: lines[:-2] + lines[-1:],
    lambda lines: lines[1:],
    lambda lines: [*lines, lines[-1]],
    lambda lines: [lines[0].replace('"sallyport_tenant":1', '"sallyport_tenant":2'), *lines[1:]],
    lambda lines: [lines[0].replace('"schema":', '"schema":9'), *lines[1:]],
    lambda lines: [*lines[:-1], lines[-1].rstrip("\n")],
    lambda lines: [line.replace('"label"', '"lable"') if '"table"' in line else line for line in lines],
    lambda lines: [line.replace("api.pages", "api.leaves") if '"table"' in line else line for line in lines],
], ids=["no end", "a row less", "no beginning", "two ends", "another format", "a newer schema", "cut in the last line", "a column that is not here", "a table that is not here"])
def test_half_a_file_changes_nothing(readable, destination, transfer_key, tmp_path, change):
    before = contents(destination)
    done = move(destination, "import", damaged(readable, tmp_path, change), "--readable", "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert contents(destination) == before


@pytest.mark.parametrize("change", [
    lambda lines: lines[:-1],
    lambda lines: [lines[0], *lines[2:]],
    lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    lambda lines: [*lines, lines[-1]],
    lambda lines: [lines[0], lines[1][:500] + ("A" if lines[1][500] != "A" else "B") + lines[1][501:], *lines[2:]],
    lambda lines: [lines[0].replace('"file":"', '"file":"A'), *lines[1:]],
    lambda lines: [lines[0], lines[1][:-1]],
], ids=["no end", "no beginning", "another order", "a block twice", "another letter", "of another file", "cut in the block"])
def test_a_sealed_file_is_whole_or_nothing(exported, destination, transfer_key, tmp_path, change):
    assert len(exported.read_text().splitlines()) >= 4
    before = contents(destination)
    done = move(destination, "import", damaged(exported, tmp_path, change), "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert contents(destination) == before


def test_another_key_changes_nothing(exported, readable, destination, tmp_path):
    before = contents(destination)
    other = tmp_path / "other.key"
    other.write_text(secrets.token_hex(32))
    other.chmod(0o600)
    for file in (exported, readable):
        done = move(destination, "import", file, "--readable", "--transfer-key-file", other)
        assert done.returncode == 1 and "does not open" in done.stderr
    assert contents(destination) == before


def test_rows_of_others_are_refused(readable, destination, transfer_key, tmp_path, tenant):
    before = contents(destination)
    acme = tenant_id(destination, "acme")
    smuggled = {
        "api.customers": lambda line: line.replace(tenant.id, acme) if "Swingline No. 7" in line else line,
        "api.drafts": lambda line: line.replace(tenant.id, acme) if "Swingline draft" in line else line,
        "auth.account": lambda line: line.replace(f'"managing_tenant_id":"{tenant.id}"', f'"managing_tenant_id":"{acme}"'),
        "auth.recovery_code": lambda line: line.replace(tenant.people[0]["id"], "00000000-0000-4000-8000-000000000000") if '"code_hash"' in line else line,
        "auth.account, auth.recovery_code": lambda line: line.replace(tenant.people[0]["id"], tenant.people[1]["id"]) if '"role_name"' in line else line,
        "auth.tenant": lambda line: line.replace(tenant.id, acme) if '"slug"' in line else line,
    }
    for table, change in smuggled.items():
        done = move(destination, "import", damaged(readable, tmp_path, lambda lines: map(change, lines)), "--readable", "--transfer-key-file", transfer_key)
        assert done.returncode == 1 and contents(destination) == before
        assert "not this tenant's" in done.stderr and all(name in done.stderr for name in table.split(", ")), (table, done.stderr)


def test_an_address_that_is_somebody_elses_here_is_refused(readable, destination, transfer_key, tmp_path, tenant):
    path = damaged(readable, tmp_path, lambda lines: [line.replace(tenant.people[0]["username"], "Owner@acme.example") for line in lines])
    done = move(destination, "import", path, "--readable", "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and "owner@acme.example" in done.stderr.lower()


def test_only_the_owner_of_the_tables_moves_tenants(exported, source, destination, transfer_key):
    """A superuser would see all tenants."""
    for sallyport, command in ((destination, ("import", exported, "--transfer-key-file", transfer_key)),
                               (source, ("export", SLUG, "--output", "/dev/null", "--transfer-key-file", transfer_key))):
        url = sallyport.stack.cluster.url(SUPERUSER, "sallyport")
        done = move(sallyport, *command, SALLYPORT_OWNER_DATABASE_URL=url)
        assert done.returncode == 1 and "owns the tables" in done.stderr


@pytest.fixture(scope="module")
def moved(exported, destination, transfer_key, tenant, source):
    # Both demos have a consultant, each an account of its own: at the destination the address goes to the one who arrives.
    destination.sql("UPDATE auth.account SET email = 'other-consultant@example.com' WHERE email = 'consultant@example.com'")
    acme = tenant_id(destination, "acme")
    before = rows_of(destination, acme)
    move(destination, "import", exported, "--transfer-key-file", transfer_key, check=True)
    assert rows_of(destination, acme) == before, "another tenant's rows are as they were"
    return destination


def test_everything_works_where_it_arrived(moved, tenant):
    """At once: the running services have heard of it."""
    for person in tenant.people:
        answer = tenant.sign_in(moved, person)
        # Who has a second factor is asked for it.
        assert answer.status_code == (400 if person is tenant.people[0] else 200), answer.text
        assert tenant.sign_in(moved, person | {"password": "wrong"}).status_code == 400
    token = tenant.token(moved)
    rows = moved.rows("customers?select=id,name,email&order=id", token)
    assert rows == sorted(tenant.rows, key=lambda row: row["id"])
    assert [order["total"] for order in moved.rows("orders?select=total", token)] == [1234567890.10] * 3
    assert tenant.key_ids(moved) == tenant.keys
    assert tenant.audit_rows(moved) > tenant.audit
    actions = [event["action"] for event in moved.cli("audit", "list", "--tenant", SLUG, "--limit", "1000")["events"]]
    assert "tenant.imported" in actions and "tenant.created" in actions
    # Other tenants see none of it.
    assert not [row for row in moved.rows("customers?select=name", moved.token("acme", "customers:read")) if "Swingline" in row["name"]]


def test_every_row_is_what_it_was(moved, source, tenant):
    there, here = rows_of(source, tenant.id), rows_of(moved, tenant.id)
    assert [name for name, rows in there.items() if not rows] == ["auth.consent", "auth.invitation"]
    # Who was nobody's to manage is managed by the tenant that they came with: its people may know their passwords.
    managed = "SELECT count(*) FROM auth.account AS a JOIN auth.membership AS m ON m.account_id = a.id WHERE m.tenant_id = '{0}' AND managing_tenant_id = '{0}'"
    assert [sallyport.sql(managed.format(tenant.id)) for sallyport in (source, moved)] == ["2", "3"]
    source_people = there.pop("people").splitlines()
    assert len(source_people) == 3
    assert sorted(row.replace(tenant.id, "") for row in source_people) == sorted(row.replace(tenant.id, "") for row in here["people"].splitlines())
    for name in there:
        assert here[name] == there[name], name
    # Triggers are at work again, as they were before; what counts goes on behind the rows that came.
    assert moved.sql(TRIGGERS) == source.sql(TRIGGERS)
    assert moved.sql("SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'") == "never"
    numbers = moved.sql(f"""
        SELECT set_config('sallyport.tenant_id', '{tenant.id}', false);
        INSERT INTO api.machines (tenant_id, label, settings) VALUES ('{tenant.id}', 'new', '1') RETURNING number > ALL (SELECT number FROM api.machines), label""")
    assert numbers.endswith("t|NEW")


def test_secrets_are_sealed_under_the_master_key_of_here(moved, source, tenant):
    there, here = sealed_values(source, tenant), sealed_values(moved, tenant)
    assert there.keys() == here.keys() and len(here) >= 4
    for context, sealed in here.items():
        assert opened(moved, sealed, context) == opened(source, there[context], context)
        with pytest.raises(InvalidTag):
            opened(source, sealed, context)
    assert opened(moved, here[f"second-factor {tenant.people[0]['id']}"], f"second-factor {tenant.people[0]['id']}") == tenant.factor
    # Nothing is left out when the master key changes.
    new = moved.stack.settings.directory / "new.key"
    new.write_text(secrets.token_hex(32))
    report = json.loads(moved.stack.run("auth-server", "key", "reseal", "--new-master-key-file", str(new), "--json").stdout)
    assert report["client_secrets"] >= 1 and report["signing_keys"] >= 2 and report["second_factors"] >= 1
    current = moved.stack.settings.master_key_file
    moved.stack.run("auth-server", "key", "reseal", "--new-master-key-file", str(current), SALLYPORT_MASTER_KEY_FILE=str(new))


def test_what_is_there_is_not_imported_again(moved, exported, transfer_key):
    before = contents(moved)
    done = move(moved, "import", exported, "--transfer-key-file", transfer_key)
    assert done.returncode == 1 and contents(moved) == before
    assert "here already" in done.stderr


def dump(sallyport: Sallyport) -> str:
    """The whole database as text."""
    done = subprocess.run(
        [program("pg_dump"), "-d", sallyport.stack.cluster.url(SUPERUSER, "sallyport")], env=clean_environment() | {"LC_ALL": "C.UTF-8"},
        capture_output=True, check=True)
    return done.stdout.decode(errors="replace")


def test_an_erased_tenant_leaves_nothing(moved, source, tenant, exported, transfer_key):
    """Where it came from: the move is complete."""
    refusals = [
        ("delete", SLUG, "--confirm", "initec", "--now"), ("delete", SLUG, "--now"), ("delete", SLUG, "--confirm", SLUG, "--now"),
        ("delete", "system", "--confirm", "system", "--now")]
    for refused in refusals:
        assert move(source, *refused).returncode != 0
    samples = "SELECT count(*) FROM pg_stats WHERE most_common_vals::text ILIKE '%swingline%' OR histogram_bounds::text ILIKE '%swingline%'"
    source.sql("ANALYZE")
    before = dump(source)
    assert source.sql(samples) != "0" and all(name in before for name in tenant.names())
    acme, others = tenant_id(source, "acme"), "SELECT count(*) FROM auth.membership AS m JOIN auth.tenant AS t ON t.id = m.tenant_id WHERE slug = 'acme'"
    members, rows = source.sql(others), rows_of(source, acme)
    triggers = source.sql(TRIGGERS)
    token = tenant.token(source)
    move(source, "disable", SLUG, check=True)
    assert move(source, "delete", SLUG, "--confirm", SLUG).returncode == 1, "its tokens may still live"
    done = json.loads(move(source, "delete", SLUG, "--confirm", SLUG, "--now", "--json", check=True).stdout)
    assert done["materialized_views"] == ["api.machine_counts"]
    after = dump(source)
    assert not [name for name in tenant.names() if name in after]
    assert not [value for person in tenant.people for value in (person["username"].split("@")[0],) if value in after]
    # Nor in what the planner remembers of the tables.
    assert source.sql(samples) == "0"
    assert "consultant@example.com" in after, "who is in another tenant stays"
    assert source.sql(others) == members and rows_of(source, acme) == rows, "another tenant's rows are as they were"
    assert source.sql(TRIGGERS) == triggers
    assert source.api("GET", "customers", token).status_code == 401
    assert source.ask_token(SLUG, tenant.service).status_code in (401, 404)
    assert source.cli("audit", "verify", "--all")["intact"]
    assert source.token("acme", "customers:read customers:write")
    erased = [event for event in source.cli("audit", "list", "--tenant", "system", "--limit", "9")["events"] if event["action"] == "tenant.erased"]
    assert len(erased) == 1 and hashlib.sha256(tenant.id.encode()).hexdigest() in json.dumps(erased)


def test_it_comes_back_to_where_it_was(moved, source, tenant, exported, transfer_key):
    """Who is there already, in another tenant, is still the same, and a member again."""
    consultant = "SELECT a.id, a.password_hash, a.managing_tenant_id FROM auth.account AS a WHERE email = 'consultant@example.com'"
    before = source.sql(consultant)
    move(source, "import", exported, "--transfer-key-file", transfer_key, check=True)
    assert tenant.sign_in(source, tenant.people[1]).status_code == 200
    assert len(source.rows("customers?select=id", tenant.token(source))) == len(tenant.rows)
    assert source.sql(consultant) == before
    assert source.sql(
        f"SELECT count(*) FROM auth.membership AS m JOIN auth.account AS a ON a.id = m.account_id WHERE email = 'consultant@example.com' AND tenant_id = '{tenant.id}'") == "1"
    there, here = rows_of(moved, tenant.id), rows_of(source, tenant.id)
    assert here["warehouse.crates"] == there["warehouse.crates"]
    assert source.cli("audit", "verify", "--all")["intact"]

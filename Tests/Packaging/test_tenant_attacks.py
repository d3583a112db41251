"""Files that were made to harm, and tables, requests and operators that get in the way of a move or an erasure."""

import json
import secrets
import uuid

import pytest
from sallystack.cluster import OWNER
from support import Sallyport
from tenants import begun, contents, ended, held, move, tenant_id, waits_for_a_lock

NOTES = f"""
SET ROLE {OWNER};
CREATE TABLE api.notes (tenant_id uuid NOT NULL, id integer, author text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE POLICY mine ON api.notes USING (author = (SELECT sallyport.subject()));
SELECT sallyport.enable_tenancy('api.notes');
CREATE FUNCTION api.all_notes() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC SELECT count(*) FROM api.notes; END;
GRANT EXECUTE ON FUNCTION api.all_notes() TO sallyport_api;
"""


@pytest.fixture(scope="module")
def sallyport(make_stack) -> Sallyport:
    stack = make_stack("tenant-attacks")
    stack.up()
    sallyport = Sallyport(stack)
    sallyport.sql(NOTES)
    return sallyport


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("transfer") / "key"
    path.write_text(secrets.token_hex(32) + "\n")
    path.chmod(0o600)
    return path


class File:
    """An export that somebody wrote: of a tenant with an owner, unless it is changed."""

    def __init__(self, sallyport: Sallyport, slug: str | None = None, tenant: str | None = None):
        self.sallyport, self.slug, self.tenant = sallyport, slug or f"umbrella-{secrets.token_hex(4)}", tenant or str(uuid.uuid4())
        self.person = str(uuid.uuid4())
        # Which a table's line does not name, though its rows have them.
        self.unnamed: dict[str, str] = {}
        self.email = f"mallory-{self.person[:8]}@evil.example"
        self.tables: dict[str, list[dict]] = {
            "auth.tenant": [{"id": self.tenant, "slug": self.slug, "name": "Evil"}],
            "auth.role": [{"tenant_id": self.tenant, "name": name, "rank": rank, "permissions": "{*:*}", "is_built_in": "true"} for name, rank in (("owner", "90"), ("user", "20"))],
            "auth.account": [self.account(self.person, self.email)],
            "auth.membership": [self.membership(self.person, "owner")],
        }

    def account(self, identifier: str, email: str) -> dict:
        return {"id": identifier, "email": email, "is_email_verified": "true", "password_hash": "x", "managing_tenant_id": None}

    def membership(self, account: str, role: str = "user") -> dict:
        return {"tenant_id": self.tenant, "account_id": account, "role_name": role}

    def load(self, path, key, *options):
        """What `tenant import` makes of it, at path / its slug."""
        version = int(self.sallyport.sql("SELECT max(number) FROM sallyport.schema_migration"))
        lines = [json.dumps({"sallyport_tenant": 1, "tenant": self.slug, "id": self.tenant, "schema": version})]
        for name, rows in self.tables.items():
            columns = [column for column in rows[0] if column != self.unnamed.get(name)]
            lines += [json.dumps({"table": name, "columns": columns}), *(json.dumps([row]) for row in rows)]
        lines.append(json.dumps({"end": True, "rows": sum(map(len, self.tables.values()))}))
        file = path / self.slug
        file.write_text("\n".join(lines) + "\n")
        return begun(self.sallyport, "import", file, "--readable", *options, "--transfer-key-file", key)

    def refused(self, path, key) -> str:
        """That nothing of it gets in, and why."""
        before = contents(self.sallyport)
        done = ended(self.load(path, key))
        assert done.returncode == 1 and contents(self.sallyport) == before, done.stdout
        return done.stderr


def test_a_file_that_attacks_nobody_gets_in(sallyport, key, tmp_path):
    """What all others differ from by one thing."""
    file = File(sallyport)
    done = ended(file.load(tmp_path, key))
    assert done.returncode == 0, done.stderr
    members = f"SELECT count(*) FROM auth.membership WHERE tenant_id = '{file.tenant}' AND account_id = '{file.person}'"
    assert sallyport.sql(members) == "1"


@pytest.mark.parametrize("victim, slug", [("acme", "acme"), ("globex", "globex"), ("acme", None), ("system", None)])
def test_people_are_not_smuggled_into_a_tenant_that_is_here(sallyport, key, tmp_path, victim, slug):
    """By leaving out the one row whose key would be taken."""
    file = File(sallyport, slug, tenant_id(sallyport, victim))
    del file.tables["auth.tenant"], file.tables["auth.role"]
    assert "one tenant" in file.refused(tmp_path, key)
    assert file.email not in sallyport.sql("SELECT email FROM auth.account")


def test_a_file_holds_the_tenant_that_its_beginning_names(sallyport, key, tmp_path):
    for slug in ("umbrella-corporation", "system", "Umbrella", None):
        file = File(sallyport)
        file.tables["auth.tenant"][0]["slug"] = slug
        assert "one tenant" in file.refused(tmp_path, key)
    file = File(sallyport)
    file.tables["auth.tenant"] *= 2
    assert "one tenant" in file.refused(tmp_path, key)


def test_the_platforms_own_tenant_is_not_imported(sallyport, key, tmp_path):
    """Whose people would administer all tenants: neither where there is one, nor where there is none yet."""
    assert "platform's own tenant" in File(sallyport, "system").refused(tmp_path, key)


@pytest.mark.parametrize("table, column", [("auth.account", "id"), ("auth.membership", "tenant_id"), ("auth.tenant", "id")])
def test_rows_say_in_their_columns_whose_they_are(sallyport, key, tmp_path, table, column):
    file = File(sallyport)
    file.unnamed[table] = column
    assert f"{table} comes without {column}" in file.refused(tmp_path, key)


CODE = "\\x" + "5a" * 32


def test_nobody_elses_account_gets_a_second_factor(sallyport, key, tmp_path):
    """A recovery code of the attacker's, for somebody who is in another tenant here: without the account's row in the file."""
    victim = sallyport.new_user("acme", f"victim{secrets.token_hex(3)}")
    file = File(sallyport)
    file.tables["auth.membership"].append(file.membership(victim["id"]))
    file.tables["auth.recovery_code"] = [{"account_id": victim["id"], "code_hash": CODE}]
    assert "not this tenant's: auth.membership" in file.refused(tmp_path, key)
    # The same with another spelling of the id.
    file.tables["auth.membership"][-1]["account_id"] = victim["id"].upper()
    file.tables["auth.recovery_code"][0]["account_id"] = victim["id"].upper()
    assert "not this tenant's: auth.membership" in file.refused(tmp_path, key)
    # With the account's row the person could join, and would leave the hands of the tenant that manages them: only when the operator says so.
    sallyport.sql(f"INSERT INTO auth.recovery_code (account_id, code_hash) VALUES ('{victim['id']}', decode('{'00' * 32}', 'hex'))")
    file = File(sallyport)
    file.tables["auth.account"].append(file.account(victim["id"], victim["username"]))
    file.tables["auth.membership"].append(file.membership(victim["id"]))
    refusal = file.refused(tmp_path, key)
    assert "another tenant here manages these people" in refusal and victim["username"] in refusal and "--shared" in refusal
    assert sallyport.sql(f"SELECT count(*) FROM auth.recovery_code WHERE account_id = '{victim['id']}'") == "1"
    for spelled in (victim["id"], victim["id"].upper()):
        file = File(sallyport)
        file.tables["auth.account"].append(file.account(spelled, victim["username"]) | {"password_hash": "planted"})
        file.tables["auth.membership"].append(file.membership(spelled))
        file.tables["auth.recovery_code"] = [{"account_id": spelled, "code_hash": CODE}]
        assert ended(file.load(tmp_path, key, "--shared")).returncode == 0
        assert sallyport.sql(f"SELECT count(*) FROM auth.membership WHERE tenant_id = '{file.tenant}' AND account_id = '{victim['id']}'") == "1"
        assert sallyport.sql(f"SELECT count(*) FROM auth.recovery_code WHERE account_id = '{victim['id']}'") == "0"
        assert sallyport.sql(f"SELECT password_hash FROM auth.account WHERE id = '{victim['id']}'").startswith("$argon2id$")


def test_a_seal_that_was_taken_off_is_missed(sallyport, key, tmp_path):
    """Lines of JSON can be anybody's: who has no transfer key must not get around the seal by leaving it away."""
    for name, options in (("sealed", ()), ("open", ("--readable",))):
        move(sallyport, "export", "globex", "--output", tmp_path / name, *options, "--transfer-key-file", key, check=True)
    done = move(sallyport, "import", tmp_path / "open", "--transfer-key-file", key)
    assert done.returncode == 1 and "is not sealed" in done.stderr and "--readable" in done.stderr
    # What would have been said next.
    for name, options in (("sealed", ()), ("sealed", ("--readable",)), ("open", ("--readable",))):
        done = move(sallyport, "import", tmp_path / name, *options, "--transfer-key-file", key)
        assert done.returncode == 1 and "here already" in done.stderr


@pytest.mark.parametrize("value", [0, False, "", [], {"x": 1}, "\\x00"])
def test_a_key_that_nobody_sealed_is_no_key(sallyport, key, tmp_path, value):
    """A retiring key with a public half of the attacker's would make every token of theirs a good one."""
    file = File(sallyport)
    file.tables["auth.signing_key"] = [{
        "tenant_id": file.tenant, "key_id": "evil", "algorithm": "ES256", "state": "retiring", "retire_after": "2999-01-01",
        "public_jwk": json.dumps({"kty": "EC", "crv": "P-256", "kid": "evil", "x": "x", "y": "y"}), "sealed_private_key": value}]
    assert "auth.signing_key: a" in file.refused(tmp_path, key)


def test_who_arrives_is_managed_by_whom_they_came_with(sallyport, key, tmp_path):
    """Whoever wrote the file knows their password: another tenant does not take them for people who chose their own."""
    file = File(sallyport)
    assert ended(file.load(tmp_path, key)).returncode == 0
    assert sallyport.sql(f"SELECT managing_tenant_id FROM auth.account WHERE id = '{file.person}'") == file.tenant
    done = sallyport.stack.run("auth-server", "user", "create", "--tenant", "globex", "--existing", file.email, "--role", "user", check=False)
    assert done.returncode == 1 and "managed by another tenant" in done.stderr
    # Also where the file says nothing at all.
    file = File(sallyport)
    del file.tables["auth.account"][0]["managing_tenant_id"]
    assert ended(file.load(tmp_path, key)).returncode == 0
    assert sallyport.sql(f"SELECT managing_tenant_id FROM auth.account WHERE id = '{file.person}'") == file.tenant


PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sallyport.row_audit'::regclass"


def changes(file: File, months: int) -> list[dict]:
    return [
        {"tenant_id": file.tenant, "changed_at": f"{1900 + month // 12}-{month % 12 + 1:02d}-15 00:00:00+00", "id": str(uuid.uuid4()), "schema": "api",
         "table": "notes", "action": "insert", "login": "x"} for month in range(months)]


def test_a_log_does_not_fill_the_database_with_partitions(sallyport, key, tmp_path):
    file = File(sallyport)
    file.tables["sallyport.row_audit"] = changes(file, 601)
    before = sallyport.sql(PARTITIONS)
    assert "601 months" in file.refused(tmp_path, key)
    assert sallyport.sql(PARTITIONS) == before
    file.tables["sallyport.row_audit"] = [changes(file, 1)[0] | {"changed_at": "infinity"}]
    assert "sallyport.row_audit" in file.refused(tmp_path, key)


def test_an_import_does_not_hold_up_the_log(sallyport, key, tmp_path):
    """A new partition waits for all who read the log, and all who write to it wait behind: for 20 seconds, then the import gives up."""
    file = File(sallyport)
    file.tables["sallyport.row_audit"] = [changes(file, 1)[0] | {"changed_at": "2003-04-05 06:07:08+00"}]
    before = contents(sallyport)
    with held(sallyport, "LOCK TABLE sallyport.row_audit IN ACCESS SHARE MODE"):
        done = ended(file.load(tmp_path, key), seconds=45)
    assert done.returncode == 1 and "lock timeout" in done.stderr
    assert contents(sallyport) == before


def noted(sallyport: Sallyport, slug: str) -> str:
    """A tenant of a name that is new, with notes and a person; its id."""
    tenant = sallyport.new_tenant(slug)["id"]
    sallyport.new_user(slug, "someone")
    sallyport.sql(f"INSERT INTO api.notes SELECT '{tenant}', n, '{slug} ' || n FROM generate_series(1, 5) AS n")
    return tenant


def notes(sallyport: Sallyport, tenant: str) -> int:
    return int(sallyport.sql(f"SELECT count(*) FROM api.notes WHERE tenant_id = '{tenant}'"))


def seen_by_the_api(sallyport: Sallyport, tenant: str, subject: str) -> list[str]:
    """By itself, and through a function with the owner's rights."""
    return sallyport.sql(f"""
        SET SESSION AUTHORIZATION sallyport_api;
        SELECT set_config('sallyport.tenant_id', '{tenant}', false), set_config('sallyport.subject', '{subject}', false);
        SELECT count(*), api.all_notes() FROM api.notes""").splitlines()[-1].split("|")


def test_rows_that_policies_hide_from_the_owner_move_and_go_too(sallyport, key, tmp_path):
    acme, tenant = tenant_id(sallyport, "acme"), noted(sallyport, "diary")
    sallyport.sql(f"INSERT INTO api.notes VALUES ('{acme}', 1, 'acme 1')")
    move(sallyport, "export", "diary", "--output", tmp_path / "diary", "--readable", "--transfer-key-file", key, check=True)
    text = (tmp_path / "diary").read_text()
    assert [number for number in range(1, 6) if f'"diary {number}"' not in text] == [] and '"acme 1"' not in text
    # Nobody behind the API sees more than the developer's policy lets them, and nothing is found to be wrong with it.
    assert "sallyport_moves" not in sallyport.stack.run("resource-api", "doctor", "--json", check=False).stdout
    assert sallyport.sql("SELECT count(*) FROM pg_policy WHERE polname = 'sallyport_moves'") == "1"
    assert seen_by_the_api(sallyport, tenant, "nobody") == ["0", "0"]
    assert seen_by_the_api(sallyport, tenant, "diary 3") == ["1", "1"]
    assert seen_by_the_api(sallyport, acme, "diary 3") == ["0", "0"]
    move(sallyport, "disable", "diary", check=True)
    move(sallyport, "delete", "diary", "--confirm", "diary", "--now", check=True)
    assert (notes(sallyport, tenant), notes(sallyport, acme)) == (0, 1)
    assert ended(begun(sallyport, "import", tmp_path / "diary", "--readable", "--transfer-key-file", key)).returncode == 0
    assert (notes(sallyport, tenant), notes(sallyport, acme)) == (5, 1)
    # Where the policy is gone, an erasure makes it anew.
    sallyport.sql("DROP POLICY IF EXISTS sallyport_moves ON api.notes")
    move(sallyport, "disable", "diary", check=True)
    move(sallyport, "delete", "diary", "--confirm", "diary", "--now", check=True)
    assert (notes(sallyport, tenant), notes(sallyport, acme)) == (0, 1)


WALL = "(tenant_id = (SELECT sallyport.current_tenant()))"
OBSTACLES = {
    "a restrictive policy": (
        "CREATE POLICY \"Office hours\" ON api.notes AS RESTRICTIVE USING (author <> 'x')", 'ALTER POLICY "Office hours" ON api.notes TO sallyport_api',
        'ALTER POLICY "Office hours" ON api.notes TO sallyport_api', 'DROP POLICY "Office hours" ON api.notes'),
    "a restrictive policy for the owner": (
        f"CREATE POLICY office ON api.notes AS RESTRICTIVE FOR DELETE TO {OWNER} USING (false)", "ALTER POLICY office ON api.notes TO sallyport_api",
        "ALTER POLICY office ON api.notes TO sallyport_api", "DROP POLICY office ON api.notes"),
    "a wall that was altered": (
        f"ALTER POLICY sallyport_tenancy ON api.notes USING ({WALL} AND author <> 'locked 1')", "sallyport_tenancy was altered",
        f"ALTER POLICY sallyport_tenancy ON api.notes USING {WALL}", ""),
    "somebody else's table": (
        "DROP POLICY IF EXISTS sallyport_moves ON api.notes; CREATE ROLE developer; ALTER TABLE api.notes OWNER TO developer;"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON api.notes TO {OWNER}", "belongs to developer",
        f"ALTER TABLE api.notes OWNER TO {OWNER}", "DROP ROLE developer"),
}


@pytest.mark.parametrize("obstacle, said, cure, undo", OBSTACLES.values(), ids=OBSTACLES.keys())
def test_what_cannot_be_seen_whole_does_not_move(sallyport, key, tmp_path, obstacle, said, cure, undo):
    """And is not erased in part: the table is named, and what helps."""
    slug = f"locked-{secrets.token_hex(3)}"
    tenant = noted(sallyport, slug)
    move(sallyport, "disable", slug, check=True)
    export = ("export", slug, "--output", tmp_path / "file", "--readable", "--transfer-key-file", key)
    delete = ("delete", slug, "--confirm", slug, "--now")
    sallyport.sql(obstacle)
    try:
        before = contents(sallyport)
        for command in (export, delete):
            done = move(sallyport, *command)
            assert done.returncode == 1 and "api.notes" in done.stderr and said in done.stderr, done.stderr
        assert contents(sallyport) == before and list(tmp_path.iterdir()) == []
        reason = File(sallyport).refused(tmp_path, key)
        assert "api.notes" in reason and said in reason
        sallyport.sql(cure)
        move(sallyport, *export, check=True)
        assert (tmp_path / "file").read_text().count(f'"{slug} ') == 5
        move(sallyport, *delete, check=True)
        assert notes(sallyport, tenant) == 0
    finally:
        sallyport.sql(f"{cure}; {undo}")


def rows_of(sallyport: Sallyport, tenant: str) -> dict[str, str]:
    """Tables with rows of a tenant, by its id, and how many."""
    tables = sallyport.sql("""
        SELECT a.attrelid::regclass FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('api', 'auth', 'sallyport')""").split()
    counts = {table: sallyport.sql(f"SELECT count(*) FROM {table} WHERE tenant_id = '{tenant}'") for table in tables}
    return {table: count for table, count in counts.items() if count != "0"}


def late_writes(tenant: str) -> str:
    """What requests write that were let in before the tenant was disabled."""
    return f"""
        INSERT INTO api.customers (tenant_id, name) VALUES ('{tenant}', 'late');
        INSERT INTO api.notes VALUES ('{tenant}', 77, 'late');
        INSERT INTO sallyport.row_audit (tenant_id, changed_at, "schema", "table", action, login) VALUES ('{tenant}', now(), 'api', 'notes', 'insert', 'late');
        INSERT INTO sallyport.idempotency_key (tenant_id, period, subject, key_hash, fingerprint, status, headers, expires_at)
        VALUES ('{tenant}', floor(extract(epoch FROM now()) / 86400)::integer, 'late', sha256('late'), sha256('late'), 201, '[]', now());"""


LATE = {"api.customers", "api.notes", "sallyport.row_audit", "sallyport.idempotency_key"}


def test_what_is_written_during_an_erasure_goes_as_well(sallyport):
    acme, tenant = tenant_id(sallyport, "acme"), noted(sallyport, "hurried")
    others = rows_of(sallyport, acme)
    move(sallyport, "disable", "hurried", check=True)
    with held(sallyport, f"SELECT FROM auth.account WHERE managing_tenant_id = '{tenant}' FOR UPDATE"):
        erasure = begun(sallyport, "delete", "hurried", "--confirm", "hurried", "--now", "--json")
        waits_for_a_lock(sallyport)
        # Behind the developers' tables, which are done.
        sallyport.sql(late_writes(tenant))
        assert LATE <= rows_of(sallyport, tenant).keys()
    done = ended(erasure)
    assert done.returncode == 0, done.stderr
    assert rows_of(sallyport, tenant) == {} and rows_of(sallyport, acme) == others
    assert json.loads(done.stdout)["id"] == tenant and tenant in done.stderr


def test_an_erasure_goes_on_by_the_id_where_the_slug_is_gone(sallyport):
    acme, tenant = tenant_id(sallyport, "acme"), noted(sallyport, "forgotten")
    move(sallyport, "disable", "forgotten", check=True)
    move(sallyport, "delete", "forgotten", "--confirm", "forgotten", "--now", check=True)
    sallyport.sql(late_writes(tenant))
    assert rows_of(sallyport, tenant).keys() == LATE
    others = rows_of(sallyport, acme)
    for refused in ((acme, acme), (tenant, acme), (acme, tenant), (tenant, "forgotten"), ("forgotten", "forgotten")):
        done = move(sallyport, "delete", refused[0], "--confirm", refused[1], "--now")
        assert done.returncode == 1, done.stdout
    assert rows_of(sallyport, tenant).keys() == LATE and rows_of(sallyport, acme) == others
    move(sallyport, "delete", tenant, "--confirm", tenant, check=True)
    assert rows_of(sallyport, tenant) == {} and rows_of(sallyport, acme) == others


def test_a_tenant_that_was_enabled_meanwhile_is_not_erased(sallyport):
    tenant = noted(sallyport, "reprieved")
    move(sallyport, "disable", "reprieved", check=True)
    before = rows_of(sallyport, tenant).keys() - {"api.notes"}
    with held(sallyport, "LOCK TABLE api.customers IN SHARE MODE"):
        erasure = begun(sallyport, "delete", "reprieved", "--confirm", "reprieved", "--now")
        waits_for_a_lock(sallyport)
        move(sallyport, "enable", "reprieved", check=True)
    done = ended(erasure)
    assert done.returncode == 1 and "not disabled any more" in done.stderr
    assert rows_of(sallyport, tenant).keys() >= before and tenant_id(sallyport, "reprieved") == tenant


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o600, 0o400])
def test_a_transfer_key_that_others_can_read_is_none(sallyport, tmp_path, mode):
    path = tmp_path / "transfer.key"
    path.write_text(secrets.token_hex(32))
    path.chmod(mode)
    done = move(sallyport, "export", "globex", "--output", tmp_path / "file", "--transfer-key-file", path)
    if mode & 0o077:
        assert done.returncode == 1 and str(path) in done.stderr and "chmod 600" in done.stderr
        assert not (tmp_path / "file").exists() and path.read_text() not in done.stderr
    else:
        assert done.returncode == 0, done.stderr

"""What was acknowledged is there after the worst has happened: backups under load, the cluster destroyed, restored."""

import datetime
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from conftest import CHECKOUT
from load import Writers
from sallystack import StackError, wal
from sallystack.stack import Stack
from sallystack.streams import digest, python
from support import Sallyport, eventually

BACKUP = CHECKOUT / "scripts" / "backup"


@pytest.fixture(scope="module")
def keys():
    """A pair of age's, and another one: identity, recipients, stranger's identity. The server's account reads the public ones, so they are
    where it comes to: pytest's own directories are closed to it."""
    with tempfile.TemporaryDirectory(prefix="sallyport-keys-") as place:
        directory = Path(place)
        directory.chmod(0o755)
        pairs = []
        for name in ("ours", "strangers"):
            identity = directory / f"{name}.key"
            subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
            recipients = directory / f"{name}.pub"
            recipients.write_text(subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True).stdout)
            pairs.append((identity, recipients))
        yield pairs[0][0], pairs[0][1], pairs[1][0]


def backup(stack: Stack, *arguments, check: bool = True) -> subprocess.CompletedProcess:
    ports = dict(zip(("SALLYPORT_PORT", "SALLYPORT_AUTH_PORT", "SALLYPORT_API_PORT"), map(str, stack.settings.ports.values())))
    done = subprocess.run(
        [BACKUP, *arguments], env=os.environ | {"STACK_DIR": str(stack.settings.directory)} | ports, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def made(done: subprocess.CompletedProcess) -> Path:
    """The backup that it names."""
    return Path(done.stdout.strip().splitlines()[-1])


def destroy(stack: Stack) -> None:
    """As when the disk is gone: no shutdown, no last checkpoint, no last file of the log."""
    stack.cluster.process.child.kill()
    stack.cluster.process.child.wait()
    stack.down()
    shutil.rmtree(stack.cluster.data)


def customers(sallyport: Sallyport, tenant: str) -> set[str]:
    return set(sallyport.sql(f"SELECT c.id FROM api.customers AS c JOIN auth.tenant AS t ON t.id = c.tenant_id WHERE t.slug = '{tenant}'").split())


def chain_is_intact(stack: Stack) -> dict[str, int]:
    """Rows of each tenant's audit log, all of which fit each other."""
    answer = json.loads(stack.run("auth-server", "audit", "verify", "--all", "--json").stdout)
    assert answer["intact"] is True
    return {tenant["tenant"]: tenant["rows"] for tenant in answer["tenants"]}


def test_the_cluster_is_had_again_as_it_was_at_a_chosen_second(make_stack, keys):
    identity, recipients, stranger = keys
    stack = make_stack("point-in-time")
    stack.cluster.prepare()
    kept = stack.cluster.home.with_name("kept")
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(mode=0o700)
    if stack.cluster.account is not None:
        os.chown(kept, stack.cluster.account.pw_uid, stack.cluster.account.pw_gid)
    command = f"{python()} {BACKUP} archive --to {kept / 'wal'} --recipients {recipients} %p"
    stack.cluster.options = ("archive_mode=on", f"archive_command={command}", "archive_timeout=1")
    stack.up()
    sallyport = Sallyport(stack)

    with Writers(sallyport) as writers:
        eventually(lambda: all(len(rows) > 20 for rows in writers.written.values()) and writers.sign_ins > 2, 60, "writing")
        base = made(backup(stack, "base", "--to", kept, "--recipients", recipients))
        ended = json.loads((base / "backup.json").read_text())["ended"]
        eventually(lambda: len(writers.asked_after(ended, "acme")) > 50, 60, "writing after the backup")
        moment = math.ceil(time.time()) + 1
        eventually(lambda: all(len(writers.asked_after(moment, tenant)) > 20 for tenant in writers.written), 60, "writing after the moment")
        last = sallyport.sql("SELECT pg_walfile_name(pg_switch_wal())")
        eventually(lambda: (kept / "wal" / f"{last}.sha256").exists(), 60, "the log being archived")
        destroy(stack)
    before = {tenant: writers.answered_before(moment, tenant) for tenant in writers.written}
    after = {tenant: writers.asked_after(moment, tenant) for tenant in writers.written}
    assert all(len(rows) > 50 for rows in before.values()) and all(len(rows) > 20 for rows in after.values())

    told = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat()
    stack.__exit__()
    for wrong in (["--identity", stranger], []):
        refused = backup(stack, "restore", base, "--until", told, *wrong, check=False)
        assert refused.returncode == 1 and not stack.cluster.data.exists()
    backup(stack, "restore", base, "--until", told, "--identity", identity)

    stack = make_stack("point-in-time", fresh=False)
    stack.up()
    sallyport = Sallyport(stack)
    for tenant in before:
        there = customers(sallyport, tenant)
        assert before[tenant] <= there, f"{len(before[tenant] - there)} acknowledged rows are gone"
        assert not there & after[tenant]
    rows = chain_is_intact(stack)
    assert rows["acme"] > 2
    # The service goes on: what is written now is read again, and the chain goes on with it.
    with Writers(sallyport) as writers:
        eventually(lambda: writers.written["acme"] and writers.sign_ins, 60, "writing after the restore")
    assert writers.answered_before(time.time(), "acme") <= customers(sallyport, "acme")
    assert chain_is_intact(stack)["acme"] > rows["acme"]
    stack.__exit__()


@pytest.fixture(scope="module")
def dumped(make_stack, keys, tmp_path_factory):
    """A stack that was dumped under load, encrypted; what was acknowledged before, and what was asked for after."""
    stack = make_stack("dump")
    stack.up()
    sallyport = Sallyport(stack)
    target = tmp_path_factory.mktemp("dumps")
    with Writers(sallyport) as writers:
        eventually(lambda: len(writers.written["acme"]) > 20 and writers.sign_ins > 2, 60, "writing")
        began = time.time()
        path = made(backup(stack, "dump", "--to", target, "--recipients", keys[1]))
        ended = time.time()
        eventually(lambda: len(writers.asked_after(ended, "acme")) > 20, 60, "writing after the dump")
    return stack, path, writers.answered_before(began, "acme"), writers.asked_after(ended, "acme")


def test_files_of_a_backup_are_their_owners_and_tell_nothing(dumped):
    _, path, before, _ = dumped
    files = sorted(path.iterdir())
    assert [file.name for file in files] == ["backup.json", "database.dump.age", "roles.sql.age"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600} and path.stat().st_mode & 0o777 == 0o700
    content = b"".join(file.read_bytes() for file in files)
    assert not [word for word in (b"PGDMP", b"sallyport_auth", b"CREATE ROLE", b"acme.example", *map(str.encode, before)) if word in content]


def test_a_damaged_backup_is_found(dumped, keys, tmp_path):
    stack, path, _, _ = dumped
    backup(stack, "verify", path)
    backup(stack, "verify", path, "--identity", keys[0])
    for name in ("database.dump.age", "roles.sql.age"):
        copy = tmp_path / name / path.name
        shutil.copytree(path, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        assert backup(stack, "verify", copy, check=False).returncode == 1
        # Somebody who corrects the checksum too is found by who has the key.
        description = json.loads((copy / "backup.json").read_text())
        description["files"][name] = digest(copy / name)
        (copy / "backup.json").write_text(json.dumps(description))
        assert backup(stack, "verify", copy, "--identity", keys[0], check=False).returncode == 1
    (tmp_path / "empty").mkdir()
    assert backup(stack, "verify", tmp_path / "empty", check=False).returncode == 1


def test_a_dump_is_restored(dumped, keys, make_stack):
    stack, path, before, after = dumped
    destroy(stack)
    stack.__exit__()
    assert backup(stack, "restore", path, "--until", "2026-01-01 00:00:00+00", "--identity", keys[0], check=False).returncode == 1
    backup(stack, "restore", path, "--identity", keys[0])
    stack = make_stack("dump", fresh=False)
    stack.up()
    there = customers(Sallyport(stack), "acme")
    assert before <= there and not there & after
    assert chain_is_intact(stack)["acme"] > 2
    stack.__exit__()


def test_the_log_is_archived_once(tmp_path, keys):
    identity, recipients, stranger = keys
    segment = tmp_path / "000000010000000000000001"
    segment.write_bytes(os.urandom(4096) + bytes(1 << 20))
    archive = tmp_path / "archive"
    for _ in range(2):
        wal.archive(archive, segment, recipients)
    assert sorted(path.name for path in archive.iterdir()) == [segment.name + ".sha256", segment.name + ".zst.age"]
    assert wal.fetch(archive, segment.name, tmp_path / "back", identity) and (tmp_path / "back").read_bytes() == segment.read_bytes()
    with pytest.raises(StackError):
        wal.fetch(archive, segment.name, tmp_path / "back", stranger)
    assert not wal.fetch(archive, "000000010000000000000002", tmp_path / "back", identity)
    segment.write_bytes(b"another server's")
    with pytest.raises(StackError, match="share"):
        wal.archive(archive, segment, recipients)


@pytest.mark.parametrize("name", ["../000000010000000000000001", "00000001000000000000000", "000000010000000000000001.zst", "postgresql.conf", ""])
def test_what_is_no_file_of_the_log_is_refused(tmp_path, name):
    with pytest.raises(StackError):
        wal.fetch(tmp_path, name, tmp_path / "back", None)


@pytest.mark.parametrize("name", ["000000010000000000000001", "00000002.history", "000000010000000000000004.00000028.backup", "00000001000000000000000A.partial"])
def test_every_file_of_the_log_is_kept(tmp_path, name):
    (tmp_path / name).write_bytes(b"log")
    wal.archive(tmp_path / "archive", tmp_path / name, None)
    assert wal.fetch(tmp_path / "archive", name, tmp_path / "back", None) and (tmp_path / "back").read_bytes() == b"log"


def test_old_backups_go_with_the_log_that_only_they_need(tmp_path):
    def there(name: str, **more):
        (tmp_path / name).mkdir()
        (tmp_path / name / "backup.json").write_text(json.dumps({"kind": name.split(".")[1], "files": {}, "encrypted": False} | more))

    for day in (1, 2, 3):
        there(f"sallyport-2026010{day}T000000Z.dump")
        there(f"sallyport-2026010{day}T000000Z.base", first_wal=f"00000001000000000000000{day * 2}")
    (tmp_path / "wal").mkdir()
    log = [f"00000001000000000000000{number}.{end}" for number in range(1, 8) for end in ("zst", "sha256")] + ["00000002.history.zst"]
    for name in log:
        (tmp_path / "wal" / name).touch()
    subprocess.run([BACKUP, "prune", "--to", tmp_path, "--keep", "2"], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.glob("sallyport-*")) == [
        f"sallyport-2026010{day}T000000Z.{kind}" for day in (2, 3) for kind in ("base", "dump")]
    assert sorted(path.name for path in (tmp_path / "wal").iterdir()) == sorted(name for name in log if "history" in name or int(name[23]) >= 4)

"""README.md, followed by a newcomer: cloned, `make run`, and every block pasted in another terminal.

What is not as on the newcomer's machine: the ports, which are free ones; and the compiler, which has built these programs already (BIN_DIR), so `make run`
is told of one that does nothing. The clone is of this working tree, whether committed or not.
"""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import documents
import pytest
from sallystack.files import remove
from sallystack.settings import CHECKOUT, DEFAULT_PORTS, PORT_VARIABLES, free_ports
from support import eventually

EXECUTOR = "Tests/Acceptance/test_readme.py"


class Newcomer:
    """`directory` is the clone, once it is there."""

    def __init__(self, home: Path):
        self.home = home
        self.directory = home / "sallyport"
        ports = free_ports()
        self.base_url = f"http://127.0.0.1:{ports['gateway']}"
        self.environment = {name: value for name, value in os.environ.items() if name not in ("STACK_DIR", "INSTANCES", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")} | {
            variable: str(ports[process]) for process, variable in PORT_VARIABLES.items()} | {
            "BIN_DIR": str(CHECKOUT / os.environ.get("BIN_DIR", ".build/debug")), "SWIFT": "true", "SALLYPORT": str(home / "published")}
        self.running: subprocess.Popen | None = None
        self.printed: list[str] = []

    def publish(self) -> None:
        """A repository with the files of this working tree: those that git has, or would have with the next commit."""
        published = self.home / "published"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT, check=True, capture_output=True).stdout
        names = [name for name in listed.split(b"\0") if name and (CHECKOUT / os.fsdecode(name)).exists()]
        subprocess.run(["git", "init", "-q", published], check=True, capture_output=True)
        for command in (["cp", "--parents", "--no-dereference", "--preserve=mode", "--target-directory", published, *map(os.fsdecode, names)],):
            subprocess.run(command, cwd=CHECKOUT, check=True)
        for command in (["add", "--all", "--force"], ["-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "Published"]):
            subprocess.run(["git", *command], cwd=published, check=True, capture_output=True)

    def text(self, section: str, number: int = 1) -> str:
        return documents.block(documents.README, section, number).text.replace(f"http://127.0.0.1:{DEFAULT_PORTS['gateway']}", self.base_url)

    def paste(self, section: str, number: int = 1) -> str:
        done = subprocess.run(
            ["bash", "-ec", "set -o pipefail\n" + self.text(section, number)], cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, text: str, directory: Path) -> None:
        """What stays in the foreground, in a terminal of its own, until it says that it runs."""
        self.printed = []
        self.running = subprocess.Popen(
            ["bash", "-ec", text], cwd=directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        threading.Thread(target=lambda: self.printed.extend(self.running.stdout), daemon=True).start()
        eventually(lambda: any("Sallyport is running" in line for line in self.printed) or self.running.poll() is not None, 120, "make run")
        assert self.running.poll() is None, "".join(self.printed)

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self.running is not None and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGINT)
            self.running.wait(60)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    newcomer.publish()
    try:
        newcomer.start(newcomer.text("Run it"), newcomer.home)
        yield newcomer
    finally:
        newcomer.interrupt()
        remove(newcomer.directory / ".run")


def test_two_commands_and_a_session_of_curl(newcomer):
    rows = json.loads(newcomer.paste("Run it", 2))
    assert len(rows) == 5 and all(row.keys() == {"id", "name", "email"} for row in rows)
    welcome = "".join(newcomer.printed)
    assert newcomer.base_url in welcome and ".run/demo.json" in welcome


def test_it_is_administered(newcomer):
    printed = newcomer.paste("Administer it")
    for expected in ("Created tenant initech", "client_secret", "owner@acme.example", "intact"):
        assert expected in printed, printed


def test_a_table_is_put_behind_it(newcomer):
    newcomer.paste("Put tables behind it")

    def command(*words: str) -> str:
        return subprocess.run(
            ["scripts/stack", "exec", *words], cwd=newcomer.directory, env=newcomer.environment, capture_output=True, text=True, check=True).stdout

    client = json.loads(command("auth-server", "client", "create", "--tenant", "acme", "--name", "Invoices", "--grant", "client_credentials",
                                "--scope", "invoices:* overdue:execute", "--json"))

    def curl(path: str, *options: str) -> tuple[int, str]:
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *options, newcomer.base_url + path], capture_output=True, text=True, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    status, body = curl("/t/acme/oauth2/token", "--user", f"{client['client_id']}:{client['client_secret']}", "-d", "grant_type=client_credentials")
    assert status == 200, body
    bearer = ("-H", "Authorization: Bearer " + json.loads(body)["access_token"])
    eventually(lambda: curl("/api/v1/invoices", *bearer)[0] == 200, 15, "the table being served")
    for due in ("2026-01-01", "2099-01-01"):
        status, body = curl("/api/v1/invoices", *bearer, "-H", "Content-Type: application/json", "-d", json.dumps({"due": due, "total": 10}))
        assert status == 201, body
    status, body = curl("/api/v1/rpc/overdue?day=2026-06-01", *bearer)
    assert status == 200 and [row["due"] for row in json.loads(body)] == ["2026-01-01"], body


def test_the_doctor_finds_nothing_that_endangers_the_demo(newcomer):
    done = subprocess.run(["make", "doctor"], cwd=newcomer.directory, env=newcomer.environment, capture_output=True, text=True, check=False, timeout=120)
    assert " error: " not in done.stdout and "Error 1" not in done.stderr, done.stdout + done.stderr


def test_what_tests_and_measures_can_be_made(newcomer):
    """Everything expanded, nothing done: see documents.NOT_RUN."""
    text = newcomer.text("Test and measure it")
    done = subprocess.run(
        ["bash", "-ec", text], cwd=newcomer.directory, env=newcomer.environment | {"MAKEFLAGS": "--dry-run"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "pytest" in done.stdout and "Benchmarks/run" in done.stdout, done.stdout + done.stderr


def test_the_next_run_finds_the_data_again(newcomer):
    newcomer.interrupt()
    assert newcomer.running.poll() is not None
    newcomer.start("make run", newcomer.directory)
    listed = subprocess.run(
        ["scripts/stack", "exec", "auth-server", "tenant", "list"], cwd=newcomer.directory, env=newcomer.environment, capture_output=True, text=True, check=True)
    assert "initech" in listed.stdout
    assert len(json.loads(newcomer.paste("Run it", 2))) == 5
    newcomer.interrupt()
    assert "Stopping" in "".join(newcomer.printed)


def test_every_block_was_followed():
    source = Path(__file__).read_text()
    for block in documents.run_by(EXECUTOR):
        wanted = f'"{block.section}"' if block.number == 1 else f'"{block.section}", {block.number}'
        assert wanted in source, (block.section, block.number)

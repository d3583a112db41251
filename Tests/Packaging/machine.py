"""A Debian machine with systemd: a container that has booted it, and a shell on it."""

import secrets
import shutil
import subprocess
import tempfile
import threading

import documents
from containers import ENVIRONMENT, STAND_INS, base, podman
from support import eventually


class Machine:
    """A container that has booted systemd."""

    def __init__(self, name: str):
        self.name = name

    def run(self, *command, check: bool = True, **options) -> subprocess.CompletedProcess:
        return podman("exec", *(["-i"] if "input" in options else []), self.name, *command, check=check, **options)

    def write(self, path: str, text: str, mode: str = "600") -> None:
        self.run("sh", "-c", f"umask 077; cat > {path}; chmod {mode} {path}", input=text)

    def state(self, unit: str) -> str:
        return self.run("systemctl", "is-active", unit, check=False).stdout.strip()

    def log(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "-n", "60", "-u", unit, check=False).stdout

    def sql(self, statement: str, database: str = "sallyport") -> str:
        return self.run("runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", database, input=statement).stdout.strip()


def boot(image: str, *options: str, label: str = "machine") -> Machine:
    """A new machine of the image, with podman's options; `discard` ends it."""
    name = f"sallyport-{label}-{secrets.token_hex(4)}"
    podman("run", "-d", "--name", name, "--privileged", "--systemd=always", *options, image,
           # Credentials are mounted where all see them, which takes a root that is shared, as it is on a machine.
           "sh", "-c", "mount --make-rshared / && exec /sbin/init")
    machine = Machine(name)
    try:
        eventually(lambda: machine.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"), 60, "booting")
    except BaseException:
        discard(machine)
        raise
    return machine


def discard(machine: Machine) -> None:
    podman("rm", "-f", "-t", "5", machine.name, check=False)


class Shell:
    """root's shell on a machine, in which one block is typed after another. It stops at the first command that fails."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self._bash = subprocess.Popen(
            ["podman", "exec", "-i", machine.name, "env", "LC_ALL=C.UTF-8", "HOME=/root", "bash"], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def type(self, text: str, seconds: float = 300) -> str:
        """What it printed, errors too."""
        end = f"typed {secrets.token_hex(8)}"
        self.machine.write("/tmp/typed", text)
        watch = threading.Timer(seconds, self._bash.kill)
        watch.start()
        self._bash.stdin.write(f"set -eo pipefail; . /tmp/typed </dev/null; set +e; echo; echo '{end}'\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.strip() == end:
                break
            lines.append(line)
        watch.cancel()
        output = "".join(lines)
        assert self._bash.poll() is None and line.strip() == end, f"{text}\n{output[-3000:]}"
        return output

    def close(self) -> None:
        self._bash.kill()
        self._bash.wait(30)


# Addresses that docs/OPERATIONS.md speaks of.
SUBNET = "10.0.0.0/24"


class Site:
    """Machines in one network, with nothing on them but Debian, and what was typed on each. A context manager: they are gone at its end."""

    def __init__(self):
        self.network = f"sallyport-{secrets.token_hex(4)}"
        self.shells: dict[str, Shell] = {}
        # What was followed, by heading and number.
        self.followed: list[tuple[str, int]] = []

    def __enter__(self) -> "Site":
        base()
        podman("build", "-q", "-t", "localhost/sallyport-bare", "-f", STAND_INS / "bare.Dockerfile", STAND_INS)
        podman("network", "create", "--subnet", SUBNET, self.network)
        return self

    def __exit__(self, *_) -> None:
        for shell in self.shells.values():
            shell.close()
            discard(shell.machine)
        podman("network", "rm", "-f", self.network, check=False)

    def boot(self, name: str, address: str, **hosts: str) -> Machine:
        """`hosts`: other names it knows; those with `_` for dots."""
        options = [f"--add-host={host.replace('_', '.')}:{where}" for host, where in hosts.items()]
        machine = boot("localhost/sallyport-bare", "--network", self.network, "--ip", address, "--hostname", name, *options, label=name)
        self.shells[name] = Shell(machine)
        return machine

    def follow(self, name: str, section: str, number: int = 1, *, seconds: float = 300, **instead: str) -> str:
        """Types a block of docs/OPERATIONS.md. `instead`: what a reader writes in the place of an example, `example=value` by the names below."""
        text = documents.block(documents.OPERATIONS, section, number).text
        for example, value in instead.items():
            assert EXAMPLES[example] in text, (section, EXAMPLES[example])
            text = text.replace(EXAMPLES[example], value)
        self.followed.append((section, number))
        return self.shells[name].type(text, seconds)

    def kill(self, name: str) -> None:
        """As when its power is gone."""
        podman("kill", "--signal", "KILL", self.shells[name].machine.name)

    def give(self, name: str, source, target: str) -> None:
        """A file or directory of this machine's to one of the site."""
        podman("cp", str(source), f"{self.shells[name].machine.name}:{target}")

    def carry(self, path: str, source: str, target: str, to: str | None = None) -> None:
        """From one machine to another, by a path that may have `*` in it."""
        directory = tempfile.mkdtemp()
        try:
            found = self.shells[source].machine.run("sh", "-c", f"ls -d {path} | tail -n 1").stdout.strip()
            podman("cp", f"{self.shells[source].machine.name}:{found}", f"{directory}/")
            podman("cp", f"{directory}/{found.rsplit('/', 1)[1]}", f"{self.shells[target].machine.name}:{to or found}")
        finally:
            shutil.rmtree(directory)


EXAMPLES = {
    "moment": "2026-03-01 12:00:00+00",
    "database_packages": " postgresql ",
    "gateway_package": "nginx-light ",
    "gateway_unit": "systemctl disable --now nginx",
}

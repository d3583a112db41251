"""nginx's configuration from the templates in nginx/: the same for development and production, but for the values."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import StackError
from .settings import CHECKOUT

TEMPLATES = CHECKOUT / "nginx"
SITES = ("development.conf", "production.conf", "mutual.conf")

# Requests a second and how many may come at once beyond that, of one address and of all that name one tenant.
LIMITS = {
    "token-by-address": (100, 200),
    "token-by-tenant": (1000, 2000),
    "sign-in-by-address": (10, 40),
    "sign-in-by-tenant": (200, 400),
    "api-by-address": (200, 400),
    "api-by-tenant": (2000, 4000),
    "other-by-address": (100, 400),
}


@dataclass(frozen=True)
class Limits:
    """`unlimited` networks are under none of them; None is everybody. `under_way`: requests of one address at the same time."""

    rates: dict[str, tuple[int, int]] = field(default_factory=dict)
    unlimited: tuple[str, ...] | None = ()
    under_way: int = 200

    def values(self) -> dict[str, str]:
        lines = ["default 1;"] if self.unlimited is None else ["default 0;", *(f"{network} 1;" for network in self.unlimited)]
        values = {"@UNLIMITED@": "\n    ".join(lines), "@UNDER_WAY@": str(self.under_way)}
        for name, (rate, burst) in (LIMITS | self.rates).items():
            kind, key = name.upper().replace("-", "_").split("_BY_")
            values |= {f"@{kind}_BY_{key}@": str(rate), f"@{kind}_BURST_BY_{key}@": str(burst)}
        return values


NO_LIMITS = Limits(unlimited=None)


def upstreams(auth_servers: Iterable[str], resource_apis: Iterable[str]) -> dict[str, str]:
    """Of `host:port`s. Each of several is there once more as a backup: in a rolling restart all may count as failed though the first is back."""
    def servers(addresses: Iterable[str]) -> str:
        addresses = list(addresses)
        lines = [f"server {address} max_fails=1 fail_timeout=2s;" for address in addresses]
        again = [f"server {address} max_fails=0 backup;" for address in addresses] if len(addresses) > 1 else []
        return "\n        ".join(lines + again)

    return {"@AUTH_SERVERS@": servers(auth_servers), "@RESOURCE_APIS@": servers(resource_apis)}


def tracing(spans: bool) -> dict[str, str]:
    """`spans`: sallyport-gateway-spans records what the access log says, so the gateway's span is the parent of the service's."""
    half = "(?<gateway_half>[0-9a-f]{16})"
    return {
        "@GATEWAY_SPAN@": f"{half}$" if spans else f"^{half}",
        "@TRACE_PARENT@": "00-$callers_trace-$gateway_span-$callers_flags" if spans else "$callers_trace_parent",
    }


def write(directory: Path, site: str, values: dict[str, str]) -> None:
    """Writes the configuration; every @NAME@ in the templates is one of these values. Each file is replaced at once."""
    values = {"@SITE@": site} | values
    directory.mkdir(parents=True, exist_ok=True)
    written = set()
    for template in sorted(TEMPLATES.glob("*.conf")):
        if template.name in SITES and template.stem != site:
            continue
        text = fill(template.read_text(), values)
        temporary = directory / f".{template.name}.new"
        temporary.write_text(text)
        temporary.replace(directory / template.name)
        written.add(template.name)
    for old in directory.glob("*.conf"):
        if old.name not in written:
            old.unlink()


def fill(text: str, values: dict[str, str]) -> str:
    """A line that holds nothing but an empty value goes."""
    for name, value in values.items():
        if not value:
            text = re.sub(rf"(?m)^[ \t]*{name}\n", "", text)
        text = text.replace(name, value)
    if missing := re.search(r"@[A-Z_]+@", text):
        raise StackError(f"The gateway's templates have a name that nothing is known of: {missing[0]}")
    return text


def check(directory: Path, work: Path, errors: Path) -> None:
    """nginx reads it all, certificates too; an error tells what it says."""
    command = [nginx(), "-t", "-q", "-p", str(work), "-c", str(directory / "nginx.conf"), "-e", str(errors)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise StackError(f"nginx refuses the configuration in {directory}:\n{done.stderr.strip()}")


def usable(path: Path) -> Path:
    """The path itself, made absolute; an error if nginx could misread it."""
    path = path.absolute()
    if any(character in str(path) for character in "\"'\\;{}$@ \t\n"):
        raise StackError(f"nginx cannot be configured for a path with such characters: {path}")
    return path


def nginx() -> str:
    """An ordinary user's PATH often leaves /usr/sbin out."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise StackError("There is no nginx: scripts/install-packages run installs it.")
    return found

"""The gateway of a deployment: TLS at a name, redirects beside it, and what else may be given."""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import StackError
from .nginx import LIMITS, TEMPLATES, Limits, fill, tracing, upstreams, usable


@dataclass(frozen=True)
class Mutual:
    """A name of its own, where clients must show a certificate of the authority's."""

    name: str
    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    revocations: Path | None = None


@dataclass(frozen=True)
class Production:
    """Addresses to listen on are `address:port`, IPv6 in brackets; `public_port` is the one that people see."""

    server_name: str
    certificate: Path
    key: Path
    listen: tuple[str, ...] = ("0.0.0.0:443", "[::]:443")
    listen_plain: tuple[str, ...] = ("0.0.0.0:80", "[::]:80")
    public_port: int = 443
    subdomains: bool = False
    auth_servers: tuple[str, ...] = ("127.0.0.1:8081",)
    resource_apis: tuple[str, ...] = ("127.0.0.1:8082",)
    ocsp_response: Path | None = None
    ocsp_authority: Path | None = None
    resolver: str | None = None
    mutual: Mutual | None = None
    acme: Path | None = None
    limits: Limits = field(default_factory=Limits)
    strict_transport_seconds: int = 31_536_000
    import_bytes: int = 1_073_741_824
    spans: bool = False

    @property
    def base_url(self) -> str:
        """SALLYPORT_BASE_URL of both services."""
        return f"https://{self.server_name}{self._port}"

    @property
    def _port(self) -> str:
        return "" if self.public_port == 443 else f":{self.public_port}"

    def values(self) -> dict[str, str]:
        """What the templates ask for, without the directories."""
        self._check()
        pattern = re.escape(self.server_name)
        names = self.server_name + (rf" ~^[a-z0-9-]+\.{pattern}$" if self.subdomains else "")
        values = {
            "@FILES@": "40000",
            "@CONNECTIONS@": "16384",
            "@SHUTDOWN@": "620s",
            "@SERVER_NAME@": self.server_name,
            "@SERVER_NAME_PATTERN@": pattern,
            "@NAMES@": names,
            "@PUBLIC_PORT@": self._port,
            "@PLAIN@": self._listen(self.listen_plain, ""),
            "@PLAIN_DEFAULT@": self._listen(self.listen_plain, " default_server"),
            "@TLS@": self._listen(self.listen, " ssl http2"),
            "@TLS_DEFAULT@": self._listen(self.listen, " ssl http2 default_server"),
            "@CERTIFICATE@": str(usable(self.certificate)),
            "@KEY@": str(usable(self.key)),
            "@STAPLING@": "\n    ".join(self._stapling()),
            "@ACME@": f"location /.well-known/acme-challenge/ {{ default_type text/plain; root {usable(self.acme)}; }}" if self.acme else "",
            "@STRICT_TRANSPORT@": f"max-age={self.strict_transport_seconds}" + ("; includeSubDomains" if self.subdomains else ""),
            "@IMPORT_BYTES@": str(self.import_bytes),
        } | upstreams(self.auth_servers, self.resource_apis) | self.limits.values() | tracing(self.spans)
        values["@MUTUAL@"] = self._mutual(values)
        return values

    def _mutual(self, values: dict[str, str]) -> str:
        if self.mutual is None:
            return ""
        return "\n" + fill((TEMPLATES / "mutual.conf").read_text(), values | {
            "@MUTUAL_NAME@": self.mutual.name,
            "@MUTUAL_CERTIFICATE@": str(usable(self.mutual.certificate or self.certificate)),
            "@MUTUAL_KEY@": str(usable(self.mutual.key or self.key)),
            "@CLIENT_AUTHORITY@": str(usable(self.mutual.authority)),
            "@CLIENT_REVOCATIONS@": f"ssl_crl {usable(self.mutual.revocations)};" if self.mutual.revocations else "",
        })

    def _stapling(self) -> list[str]:
        if self.ocsp_response:
            return ["ssl_stapling on;", f"ssl_stapling_file {usable(self.ocsp_response)};"]
        if self.ocsp_authority:
            return [
                "ssl_stapling on;", "ssl_stapling_verify on;", f"ssl_trusted_certificate {usable(self.ocsp_authority)};",
                f"resolver {self.resolver} valid=300s;", "resolver_timeout 5s;",
            ]
        return []

    @staticmethod
    def _listen(addresses: tuple[str, ...], options: str) -> str:
        return "\n    ".join(f"listen {address}{options};" for address in addresses)

    def _check(self) -> None:
        for name in (self.server_name, *([self.mutual.name] if self.mutual else [])):
            if len(name) > 253 or not re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", name):
                raise StackError(f"‘{name}’ is not a host name in lower case.")
        if self.mutual and self.mutual.name == self.server_name:
            raise StackError("Mutual TLS needs a name of its own.")
        for address in (*self.listen, *self.listen_plain):
            if not re.fullmatch(r"(?:[0-9.]+|\[[0-9a-f:]+\]):[0-9]{1,5}", address):
                raise StackError(f"‘{address}’ is not an address to listen on, such as 0.0.0.0:443 or [::]:443.")
        for address in (*self.auth_servers, *self.resource_apis):
            if not re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9a-f:]+\]):[0-9]{1,5}", address):
                raise StackError(f"‘{address}’ is not a service's address, such as 127.0.0.1:8081.")
        if self.ocsp_authority and not re.fullmatch(r"[0-9.]+|\[[0-9a-f:]+\]", self.resolver or ""):
            raise StackError("To ask for OCSP answers nginx needs the address of a resolver, such as 127.0.0.53.")
        for network in self.limits.unlimited or ():
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise StackError(f"‘{network}’ is not an address or network.") from None
        for path in (self.certificate, self.key, self.ocsp_response, self.ocsp_authority, *(
                (self.mutual.authority, self.mutual.certificate, self.mutual.key, self.mutual.revocations) if self.mutual else ())):
            if path is not None and not path.is_file():
                raise StackError(f"{path} is not there, or not a file.")


def with_limit(limits: Limits, text: str) -> Limits:
    """`limits` with `NAME=RATE` or `NAME=RATE:BURST`; the burst is twice the rate unless given."""
    found = re.fullmatch(r"([a-z-]+)=([1-9][0-9]{0,5})(?::([0-9]{1,6}))?", text)
    if found is None or found[1] not in LIMITS:
        raise StackError(f"‘{text}’ is not a limit such as token-by-address=100:200; there are {', '.join(LIMITS)}.")
    rate = int(found[2])
    return replace(limits, rates=limits.rates | {found[1]: (rate, int(found[3]) if found[3] else 2 * rate)})

"""What the tests share: a client of the running stack, and waiting without sleeping blindly."""

import base64
import json
import secrets
import tempfile
import time
from collections.abc import Callable

import requests

from sallystack.stack import Stack

ALL_CUSTOMERS = "customers:read customers:write customers:delete"


class Sallyport:
    """The stack as its users see it, through the gateway. Remembers every secret it was given, for the test that reads the logs."""

    instances: list["Sallyport"] = []

    def __init__(self, stack: Stack):
        self.instances.append(self)
        self.stack = stack
        self.base_url = stack.settings.base_url
        self.api_url = self.base_url + "/api/v1"
        self.gateway_address = ("127.0.0.1", stack.settings.ports["gateway"])
        self.demo = json.loads(stack.settings.demo_file.read_text())
        self.secrets: set[str] = {
            client["client_secret"]
            for tenant in self.demo["tenants"].values() for client in tenant["clients"].values() if client.get("client_secret")
        } | {user["password"] for tenant in self.demo["tenants"].values() for user in tenant["users"].values()}
        self.http = requests.Session()
        self.http.trust_env = False
        self._tokens: dict[tuple, str] = {}

    def issuer(self, tenant: str) -> str:
        return f"{self.base_url}/t/{tenant}"

    def credentials(self, tenant: str = "acme", label: str = "service") -> tuple[str, str]:
        client = self.demo["tenants"][tenant]["clients"][label]
        return client["client_id"], client.get("client_secret")

    def user(self, label: str, tenant: str = "acme") -> dict:
        """A person of the demo: `username` and `password`."""
        return self.demo["tenants"][tenant]["users"][label]

    def ask_token(self, tenant: str | None = "acme", auth="service", url: str | None = None, **parameters) -> requests.Response:
        """A token request as it is; `auth` is a label in demo.json, a pair, or None. `tenant` None is the root endpoint."""
        if isinstance(auth, str):
            auth = self.credentials(tenant or "acme", auth)
        body = {"grant_type": "client_credentials"} | parameters
        endpoint = url or (self.base_url if tenant is None else self.issuer(tenant)) + "/oauth2/token"
        response = self.http.post(endpoint, data={name: value for name, value in body.items() if value is not None}, auth=auth, timeout=30)
        if response.ok:
            self.secrets |= {value for name, value in response.json().items() if name in ("access_token", "refresh_token", "id_token")}
        return response

    def token(self, tenant: str = "acme", scope: str | None = None, auth="service") -> str:
        """An access token; the same one for the same question."""
        key = (tenant, scope, auth)
        if key not in self._tokens:
            response = self.ask_token(tenant, auth, scope=scope)
            assert response.status_code == 200, response.text
            self._tokens[key] = response.json()["access_token"]
        return self._tokens[key]

    def api(self, method: str, path: str, token: str | None = None, **options) -> requests.Response:
        """`path` behind /api/v1, with its query."""
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"} | headers
        return self.http.request(method, f"{self.api_url}/{path}", headers=headers, timeout=30, **options)

    def rows(self, path: str, token: str) -> list:
        response = self.api("GET", path, token)
        assert response.status_code == 200, response.text
        return response.json()

    def cli(self, *arguments: str) -> dict:
        """`auth-server …  --json`: the object that it prints."""
        answer = json.loads(self.stack.run("auth-server", *arguments, "--json").stdout)
        if "client_secret" in answer:
            self.secrets.add(answer["client_secret"])
        return answer

    def new_tenant(self, slug: str) -> dict:
        return self.cli("tenant", "create", slug, "--name", slug.title())

    def new_client(self, tenant: str, scope: str = ALL_CUSTOMERS, *options: str, grants: tuple[str, ...] = ("client_credentials",)) -> tuple[str, str]:
        """Its id and its secret, which is None for one without."""
        words = [word for grant in grants for word in ("--grant", grant)]
        client = self.cli("client", "create", "--tenant", tenant, "--name", "Test", *words, "--scope", scope, *options)
        return client["client_id"], client.get("client_secret")

    def new_user(self, tenant: str, name: str, role: str = "user") -> dict:
        """A person of a tenant, with an address that begins with `name` and a password of their own."""
        user = {"username": f"{name}@{tenant}.example", "password": secrets.token_urlsafe(18)}
        self.secrets.add(user["password"])
        with tempfile.NamedTemporaryFile("w", suffix=".password") as file:
            file.write(user["password"] + "\n")
            file.flush()
            answer = self.cli("user", "create", "--tenant", tenant, user["username"], "--role", role, "--name", name.title(), "--password-file", file.name)
        return user | {"id": answer["id"]}

    def sql(self, statement: str) -> str:
        """As superuser, past row-level security: what is really stored."""
        return self.stack.cluster.run_sql(statement, "sallyport")


def eventually(is_so: Callable[[], object], seconds: float = 10, what: str = "the condition") -> object:
    """Polls until the value is true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        value = is_so()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not hold within {seconds} s"
        time.sleep(0.02)


def segments(token: str) -> tuple[dict, dict, str]:
    """Header and claims of a token, not verified, and its signature."""
    header, payload, signature = token.split(".")
    return decoded(header), decoded(payload), signature


def decoded(segment: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def encoded(value: dict | bytes) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

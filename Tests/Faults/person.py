"""A person with a browser: signs in where asked, and brings a client its authorization code."""

import base64
import hashlib
import secrets
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from client import Asker
from system import CALLBACK


class Browser:
    """Cookies, kept from run to run; what the server counts by address, it counts for this browser alone."""

    def __init__(self, user: dict):
        self.user = user
        self.cookies: dict[str, str] = {}

    async def code(self, asker: Asker, verifier: str) -> str | None:
        """None if something failed on the way, or the person was held up."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code", "client_id": asker.tenant.web.id, "redirect_uri": CALLBACK, "state": secrets.token_urlsafe(8),
            "scope": "openid offline_access ledger:read", "code_challenge": challenge, "code_challenge_method": "S256",
        }
        url, fields = f"{asker.issuer}/oauth2/authorize?{urlencode(parameters)}", None
        for _ in range(12):
            method = "GET" if fields is None else "POST"
            event, answer = await asker.ask("page", "gateway", method, url, self._headers(), fields)
            if answer is None:
                return None
            self._remember(answer.cookies)
            location = answer.headers.get("location")
            if location and location.startswith(CALLBACK):
                return dict(parse_qsl(urlsplit(location).query)).get("code")
            if location:
                url, fields = _path(urljoin(f"http://127.0.0.1{url}", location)), None
            elif answer.status == 200:
                form = _Form()
                form.feed(answer.body.decode())
                if "password" not in form.fields:
                    return None
                fields = form.fields | {"username": self.user["username"], "password": self.user["password"]}
                url = _path(urljoin(f"http://127.0.0.1{url}", form.action))
            else:
                return None
        return None

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "text/html"}
        return headers | {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else headers

    def _remember(self, cookies: list[str]) -> None:
        for line in cookies:
            name, _, rest = line.partition("=")
            value, *attributes = rest.split("; ")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class _Form(HTMLParser):
    """The first form's fields, with the button that signs in."""

    def __init__(self):
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag, attributes):
        named = {name: value or "" for name, value in attributes}
        if tag == "form" and not self.action:
            self.action = named["action"]
        elif tag == "input" and "name" in named:
            self.fields[named["name"]] = named.get("value", "")
        elif tag == "button" and named.get("value") == "sign_in":
            self.fields[named["name"]] = "sign_in"

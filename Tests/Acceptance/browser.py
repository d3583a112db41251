"""A browser without scripts: cookies, redirects and forms, as far as a person needs them to sign in. And what a client does with it."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from support import Sallyport

CALLBACK = "http://127.0.0.1:8765/callback"
EVERYTHING = "openid profile email customers:read"


class Browser:
    """Goes where it is sent within the gateway, and stops at the door of anybody else. `address` is the loopback address it comes from:
    what the server counts by address it counts for this browser alone."""

    def __init__(self, sallyport: Sallyport, address: str = "127.0.0.1"):
        self.sallyport = sallyport
        self.http = requests.Session()
        self.http.trust_env = False
        # Kept by hand: requests holds secure cookies back without TLS, where browsers trust this machine.
        self.http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.cookies: dict[str, str] = {}
        self.http.headers["Accept"] = "text/html"
        self.http.mount("http://", _From(address))
        self.visited: list[requests.Response] = []

    def open(self, url: str, parameters: dict | None = None) -> "Page":
        if parameters:
            url += "?" + urlencode(parameters)
        return self._follow("GET", urljoin(self.sallyport.base_url, url))

    def submit(self, page: "Page", button: str | None = None, headers: dict | None = None, **fields) -> "Page":
        """The page's form with what it holds, `fields` typed in, and a button pressed: by its value, or the first."""
        return self._follow("POST", urljoin(page.url, page.action), page.filled(button) | fields, headers)

    def sign_in(self, page: "Page", user: dict) -> "Page":
        return self.submit(page, "sign_in", username=user["username"], password=user["password"])

    def send(self, method: str, url: str, fields: dict | str | None = None, headers: dict | None = None) -> requests.Response:
        """One request, with cookies and without following."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = ({"Cookie": cookies} if cookies else {}) | (headers or {})
        response = self.http.request(method, urljoin(self.sallyport.base_url, url), data=fields, headers=headers, allow_redirects=False, timeout=30)
        for line in response.raw.headers.getlist("Set-Cookie"):
            name, _, rest = line.partition("=")
            value, *attributes = rest.split("; ")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
                self.sallyport.secrets.add(value)
        self.visited.append(response)
        return response

    def _follow(self, method: str, url: str, fields: dict | None = None, headers: dict | None = None) -> "Page":
        for _ in range(10):
            response = self.send(method, url, fields, headers)
            location = response.headers.get("Location")
            if location is None:
                return Page(response)
            url, method, fields, headers = urljoin(url, location), "GET", None, None
            if not url.startswith(self.sallyport.base_url + "/"):
                return Page(response, outside=url)
        raise AssertionError("redirected in a circle")


class _From(HTTPAdapter):
    def __init__(self, address: str):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


class Page:
    """Where a browser has come to: a page of the server's, or outside it, with the parameters that it was sent there with."""

    def __init__(self, response: requests.Response, outside: str | None = None):
        self.response, self.outside = response, outside
        self.status, self.url, self.text = response.status_code, response.url, response.text
        self.answer = dict(parse_qsl(urlsplit(outside).query, keep_blank_values=True)) if outside else {}
        self._reader = _Reader()
        self._reader.feed(self.text)

    @property
    def title(self) -> str:
        return " ".join(self._reader.heading.split())

    @property
    def words(self) -> str:
        return " ".join(self._reader.words.split())

    @property
    def action(self) -> str:
        assert self._reader.action, f"there is no form in “{self.title}” ({self.status}): {self.words[:300]} {self.outside or ''}"
        return self._reader.action

    @property
    def fields(self) -> dict[str, str]:
        return self._reader.fields

    @property
    def buttons(self) -> list[tuple[str, str]]:
        return self._reader.buttons

    def filled(self, button: str | None) -> dict[str, str]:
        pressed = [pair for pair in self.buttons if button in (None, pair[1])]
        assert pressed, f"no button {button} in {self.buttons} of “{self.title}”: {self.words[:300]}"
        return self.fields | {pressed[0][0]: pressed[0][1]}


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self.heading = self.words = ""
        self._within: list[str] = []

    def handle_starttag(self, tag, attributes):
        named = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.action = named["action"]
        elif tag == "input":
            self.fields[named["name"]] = named.get("value", "")
        elif tag == "button" and "name" in named:
            self.buttons.append((named["name"], named.get("value", "")))
        if tag in ("h1", "style", "script", "svg"):
            self._within.append(tag)

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if "h1" in self._within:
            self.heading += data
        if not {"style", "script", "svg"} & set(self._within):
            self.words += data + " "


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Request:
    """One authorization request of a client, and the token request that belongs to it."""

    sallyport: Sallyport
    tenant: str
    client: tuple[str, str | None]
    scope: str = EVERYTHING
    redirect_uri: str = CALLBACK
    more: dict = field(default_factory=dict)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def __post_init__(self):
        self.sallyport.secrets.add(self.verifier)

    @property
    def endpoint(self) -> str:
        return self.sallyport.issuer(self.tenant) + "/oauth2/authorize"

    @property
    def parameters(self) -> dict:
        """`more` replaces and, with None, takes away."""
        parameters = {
            "response_type": "code", "client_id": self.client[0], "redirect_uri": self.redirect_uri, "scope": self.scope, "state": self.state,
            "nonce": self.nonce, "code_challenge": s256(self.verifier), "code_challenge_method": "S256",
        } | self.more
        return {name: value for name, value in parameters.items() if value is not None}

    def open(self, browser: Browser, **more) -> Page:
        return browser.open(self.endpoint, {name: value for name, value in (self.parameters | more).items() if value is not None})

    def code(self, browser: Browser, user: dict) -> str:
        """Signs in and allows, where asked."""
        page = self.open(browser)
        if page.outside is None and page.title == "Sign in":
            page = browser.sign_in(page, user)
        if page.outside is None:
            page = browser.submit(page, "allow")
        assert page.outside and page.outside.startswith(self.redirect_uri + "?"), f"{page.status} {page.title}: {page.words[:300]}"
        assert page.answer.keys() == {"code", "state", "iss"}, page.answer
        assert page.answer["state"] == self.state and page.answer["iss"] == self.sallyport.issuer(self.tenant)
        self.sallyport.secrets.add(page.answer["code"])
        return page.answer["code"]

    def redeem(self, code: str, **changes) -> requests.Response:
        """The token request; `changes` replace parameters, None takes them away."""
        identity = {} if self.client[1] else {"client_id": self.client[0]}
        parameters = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, "code_verifier": self.verifier,
        } | identity | changes
        return self.sallyport.ask_token(self.tenant, self.client if self.client[1] else None, **parameters)

    def tokens(self, browser: Browser, user: dict) -> dict:
        response = self.redeem(self.code(browser, user))
        assert response.status_code == 200, response.text
        return response.json()

"""RFC 9700's attacks, by an outsider through the gateway; two tenants, two browsers, and at the end two servers at the same moment."""

import json
import multiprocessing
import socket
import time
from urllib.parse import quote, urlencode

import jwt
import pytest
import requests
from browser import CALLBACK, Browser, Page, Request
from raw import send
from sallystack.processes import Process, answers_200
from support import eventually

SCOPE = "openid offline_access customers:read"
VICTIM, ATTACKER = "127.0.0.5", "127.0.0.6"


@pytest.fixture(scope="module")
def victim(sallyport):
    return sallyport.new_user("acme", "victim")


@pytest.fixture(scope="module")
def attacker(sallyport):
    return sallyport.new_user("acme", "attacker")


def code_client(sallyport, tenant: str, *options: str):
    return sallyport.new_client(
        tenant, SCOPE, "--redirect-uri", CALLBACK, "--first-party", *options, grants=("authorization_code", "refresh_token"))


@pytest.fixture(scope="module")
def client(sallyport):
    return code_client(sallyport, "acme")


@pytest.fixture(scope="module")
def browser(sallyport, victim, client):
    """The victim's, signed in."""
    browser = Browser(sallyport, VICTIM)
    Request(sallyport, "acme", client, SCOPE).code(browser, victim)
    return browser


def refused(response: requests.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert response.status_code == status and response.json()["error"] == error, response.text
    assert "access_token" not in response.text


def refresh(sallyport, client, token: str, tenant: str = "acme", **more):
    return sallyport.ask_token(tenant, client, grant_type="refresh_token", refresh_token=token, **more)


def is_alive(sallyport, token: str) -> bool:
    response = sallyport.http.post(
        sallyport.issuer("acme") + "/oauth2/introspect", data={"token": token}, auth=sallyport.credentials("acme", "resource-server"))
    return response.json()["active"]


# Codes, §2.1.1, §4.5

def test_a_stolen_code_is_worth_nothing_without_its_verifier(sallyport, browser, victim, attacker, client):
    """Injection: the attacker's browser brings the victim's code into a session of the same client, which has another verifier."""
    theirs = Request(sallyport, "acme", client, SCOPE)
    code = theirs.code(browser, victim)
    mine = Request(sallyport, "acme", client, SCOPE)
    mine.code(Browser(sallyport, ATTACKER), attacker)
    refused(mine.redeem(code))
    refused(theirs.redeem(code, code_verifier=theirs.verifier[:-1] + "~"))
    refused(theirs.redeem(code, code_verifier=None), "invalid_request")
    refused(theirs.redeem(code, code_verifier=""), "invalid_request")
    assert theirs.redeem(code).status_code == 200, "who guesses does not spend it"


def test_a_code_that_comes_twice_ends_what_the_first_gave(sallyport, browser, victim, client):
    request = Request(sallyport, "acme", client, SCOPE)
    code = request.code(browser, victim)
    token = request.redeem(code).json()
    assert is_alive(sallyport, token["access_token"])
    refused(request.redeem(code))
    eventually(lambda: not is_alive(sallyport, token["access_token"]), 3, "the access token's end")
    refused(refresh(sallyport, client, token["refresh_token"]))


def test_a_code_is_bound_to_client_redirect_uri_and_tenant(sallyport, browser, victim, client):
    request = Request(sallyport, "acme", client, SCOPE)
    code = request.code(browser, victim)
    other, foreign = code_client(sallyport, "acme"), code_client(sallyport, "globex")
    for thief, tenant in ((other, "acme"), (foreign, "globex")):
        refused(Request(sallyport, tenant, thief, verifier=request.verifier).redeem(code))
    for uri in ("http://127.0.0.1:8766/callback", CALLBACK + "/", CALLBACK + "?x=1", "https://evil.example/"):
        refused(request.redeem(code, redirect_uri=uri))
    refused(request.redeem(code, redirect_uri=None))
    refused(request.redeem(code[:-1] + ("A" if code[-1] != "A" else "B")))
    assert request.redeem(code).status_code == 200


@pytest.mark.parametrize("more", [
    {"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": None}, {"code_challenge": ""},
    {"code_challenge": "short"}, {"code_challenge_method": "S512"}, {"code_challenge_method": "s256"},
], ids=str)
def test_pkce_cannot_be_left_out_or_weakened(sallyport, browser, client, more):
    page = Request(sallyport, "acme", client, SCOPE, more=more).open(browser)
    assert page.answer["error"] == "invalid_request" and "code" not in page.answer


@pytest.mark.parametrize("change", [
    {"response_type": "token"}, {"response_type": "id_token"}, {"response_type": "code token"}, {"response_type": "code id_token"}, {"response_type": "none"},
    {"response_type": "CODE"}, {"response_mode": "fragment"}, {"response_mode": "web_message"},
], ids=str)
def test_no_token_ever_comes_from_the_authorization_endpoint(sallyport, browser, client, change):
    page = Request(sallyport, "acme", client, SCOPE, more=change).open(browser)
    assert page.answer["error"] in ("unsupported_response_type", "invalid_request") and "#" not in page.outside
    assert "token" not in page.answer and "code" not in page.answer


# Redirects, §4.1, §4.11

REDIRECTS = [
    "https://evil.example/", "http://127.0.0.1:8765/callback/", "http://127.0.0.1:8765/callbac", "http://127.0.0.1:8765/Callback",
    "http://127.0.0.1:8765/callback?x=1", "http://127.0.0.1:8765/callback#x", "http://127.0.0.1:8765/callback/..", "http://127.0.0.1:8765/x/../callback",
    "http://127.0.0.1:8765//callback", "http://127.0.0.1:8765/%63allback", "https://127.0.0.1:8765/callback", "http://127.0.0.1.evil.example:8765/callback",
    "http://127.0.0.1@evil.example/callback", "http://evil.example@127.0.0.1:8765/callback", "http://127.0.0.1:8765@evil.example/callback",
    "http://127.0.0.1:8765\\@evil.example/callback", "http://127.0.0.1:87650000/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:/callback",
    "http://127.0.0.2:8765/callback", "http://localhost:8765/callback", "http://[::1]:8765/callback", "http://0x7f.1:8765/callback", "http://2130706433:8765/callback",
    "//127.0.0.1:8765/callback", "/callback", "callback", "javascript:alert(1)//http://127.0.0.1:8765/callback", "data:text/html,x",
    " http://127.0.0.1:8765/callback", "http://127.0.0.1:8765/callback ", "http://127.0.0.1:8765/callback\r\nSet-Cookie: x=1", "http://127.0.0.1:8765/callback\x00",
    "http://127.0.0.1:8765/callback\u2028", "http://127.0.0.1:8765/c\u0430llback", "*", "null",
]


@pytest.mark.parametrize("uri", REDIRECTS)
def test_nobody_is_sent_where_the_client_did_not_register(sallyport, browser, client, uri):
    for more in ({}, {"prompt": "none"}, {"response_type": "x"}, {"response_mode": "form_post"}):
        page = Request(sallyport, "acme", client, SCOPE, redirect_uri=uri, more=more).open(browser)
        assert page.status == 400 and page.outside is None and "Location" not in page.response.headers
        assert "http-equiv" not in page.text and "evil.example" not in page.text


@pytest.mark.parametrize("uri", [None, ""])
def test_without_a_redirect_uri_it_is_the_one_that_is_registered(sallyport, browser, client, uri):
    """An empty value counts as none (RFC 6749 §3.1)."""
    page = Request(sallyport, "acme", client, SCOPE, more={"redirect_uri": uri}).open(browser)
    assert page.outside.startswith(CALLBACK + "?code=")
    several = code_client(sallyport, "acme", "--redirect-uri", "https://app.example/callback")
    page = Request(sallyport, "acme", several, SCOPE, more={"redirect_uri": uri}).open(browser)
    assert page.status == 400 and page.outside is None


@pytest.mark.parametrize("client_id", ["nobody", "", "globex-web", "acme-web\x00", "acme-web ", "ACME-WEB", "a" * 300, "%", "é"])
def test_an_unknown_client_is_shown_and_not_redirected(sallyport, browser, client_id):
    page = Request(sallyport, "acme", (client_id, None), SCOPE).open(browser)
    assert page.status == 400 and page.outside is None


def test_an_error_is_redirected_with_state_and_issuer_and_nothing_else(sallyport, browser, client):
    """Mix-up (§4.4): whoever answers says who they are."""
    for tenant, more in (("acme", {"scope": "x:read"}), ("acme", {"prompt": "none login"}), ("acme", {"request": "a.b.c"})):
        request = Request(sallyport, tenant, client, SCOPE, more=more)
        page = request.open(browser)
        assert page.outside.startswith(CALLBACK + "?error=")
        assert page.answer.keys() == {"error", "error_description", "state", "iss"}
        assert page.answer["state"] == request.state and page.answer["iss"] == sallyport.issuer(tenant)


@pytest.mark.parametrize("state", ["a b&c=d#e%20+é", "\"><script>alert(1)</script>", "x" * 2048, "&" * 2048, "\u202e\U0001f600", "'; DROP TABLE auth.tenant; --"])
def test_state_comes_back_as_it_was(sallyport, browser, client, state):
    page = Request(sallyport, "acme", client, SCOPE, state=state, more={"prompt": "none"}).open(browser)
    assert page.answer["state"] == state and page.answer["code"]
    form = Request(sallyport, "acme", client, SCOPE, state=state, more={"prompt": "none", "response_mode": "form_post"}).open(browser)
    assert form.fields["state"] == state and form.action == CALLBACK and "<script>alert" not in form.text


# Forms and pages, §4.7, §4.16, §4.12

def forged(sallyport, browser: Browser, page: Page, change) -> requests.Response:
    """The page's form, filled in and changed."""
    fields = page.filled(None) | {"username": "x@acme.example", "password": "x"}
    headers = {"Accept": "text/html"}
    action, fields, headers = change(page.action, fields, headers)
    return browser.send("POST", action, fields, headers)


FORGERIES = {
    "no token": lambda a, f, h: (a, f | {"csrf_token": ""}, h),
    "another token": lambda a, f, h: (a, f | {"csrf_token": "A" * 43}, h),
    "another site": lambda a, f, h: (a, f, h | {"Origin": "https://evil.example"}),
    "another site by fetch metadata": lambda a, f, h: (a, f, h | {"Sec-Fetch-Site": "cross-site"}),
    "a neighbour": lambda a, f, h: (a, f, h | {"Sec-Fetch-Site": "same-site"}),
    "another step": lambda a, f, h: (a.replace("sign-in", "consent"), f, h),
    "another tenant": lambda a, f, h: (a.replace("/t/acme/", "/t/globex/"), f, h),
    "no cookie": lambda a, f, h: (a, f, h | {"Cookie": ""}),
    "another browser": lambda a, f, h: (a, f, h | {"Cookie": "__Host-sallyport_browser=" + "A" * 43}),
    "no request": lambda a, f, h: (a, f | {"request": ""}, h),
    "another request": lambda a, f, h: (a, f | {"request": f["request"][:-4] + "AAAA"}, h),
    "text": lambda a, f, h: (a, urlencode(f), h | {"Content-Type": "text/plain"}),
    "twice": lambda a, f, h: (a, urlencode(f) + "&csrf_token=x", h | {"Content-Type": "application/x-www-form-urlencoded"}),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forms_of_others_are_not_carried_out(sallyport, client, victim, forgery):
    browser = Browser(sallyport, ATTACKER)
    page = Request(sallyport, "acme", client, SCOPE).open(browser)
    answer = forged(sallyport, browser, page, FORGERIES[forgery])
    assert answer.status_code in (400, 403), answer.text
    assert "__Host-sallyport_session" not in str(answer.headers) and "code=" not in answer.headers.get("Location", "")


def test_a_form_belongs_to_one_browser(sallyport, client, victim, attacker):
    """Login CSRF: the attacker's own form, with everything genuine in it, sent by the victim's browser."""
    page = Request(sallyport, "acme", client, SCOPE).open(Browser(sallyport, ATTACKER))
    other = Browser(sallyport, VICTIM)
    Request(sallyport, "acme", client, SCOPE).open(other)
    answer = other.submit(page, "sign_in", username=attacker["username"], password=attacker["password"])
    assert answer.status == 403 and "__Host-sallyport_session" not in other.cookies


def test_signing_in_gives_a_new_session_and_ends_the_old_one(sallyport, client, victim):
    """Fixation: what the browser was given before it signed in opens nothing."""
    browser = Browser(sallyport, VICTIM)
    browser.cookies["__Host-sallyport_session"] = fixed = "sp_s1.9999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    request = Request(sallyport, "acme", client, SCOPE)
    request.code(browser, victim)
    first = browser.cookies["__Host-sallyport_session"]
    assert first != fixed
    page = Request(sallyport, "acme", client, SCOPE, more={"prompt": "login"}).open(browser)
    assert browser.sign_in(page, victim).answer["code"]
    assert browser.cookies["__Host-sallyport_session"] != first
    thief = Browser(sallyport, ATTACKER)
    thief.cookies["__Host-sallyport_session"] = first
    assert Request(sallyport, "acme", client, SCOPE, more={"prompt": "none"}).open(thief).answer["error"] == "login_required"


def pages(sallyport, client, victim) -> list[Page]:
    browser = Browser(sallyport, VICTIM)
    sign_in = Request(sallyport, "acme", client, SCOPE).open(browser)
    wrong = browser.submit(sign_in, "sign_in", username=victim["username"], password="")
    browser.sign_in(sign_in, victim)
    return [
        sign_in, wrong,
        Request(sallyport, "acme", client, SCOPE, more={"prompt": "consent"}).open(browser),
        Request(sallyport, "acme", client, SCOPE, more={"prompt": "select_account"}).open(browser),
        Request(sallyport, "acme", client, SCOPE, more={"response_mode": "form_post"}).open(browser),
        Request(sallyport, "acme", ("nobody", None), SCOPE).open(browser),
        browser.open("/t/acme/sessions"), browser.open("/t/acme/oauth2/logout"), browser.open("/t/nobody/sign-in"), browser.open("/t/acme/nothing"),
    ]


def test_no_page_can_be_framed_stored_or_followed_home(sallyport, client, victim):
    """Clickjacking (§4.16), and what a Referer would tell (§4.2)."""
    seen = pages(sallyport, client, victim)
    assert len({page.title for page in seen}) >= 8
    for page in seen:
        headers, what = page.response.headers, f"{page.url} {page.title}"
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy and "unsafe" not in policy, what
        assert headers["X-Frame-Options"] == "DENY" and headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store", what
        assert headers["X-Content-Type-Options"] == "nosniff" and "Access-Control-Allow-Origin" not in headers, what
        assert "<script" not in page.text or "sha256-" in policy, what
        assert " style=" not in page.text and " onclick=" not in page.text and "http://evil" not in page.text, what


def test_redirects_carry_no_form_along_and_urls_no_secret(sallyport, client, victim, attacker):
    """§4.12: no 307 and 308; §4.2: no password, token or session in a URL of ours."""
    browser = Browser(sallyport, VICTIM)
    request = Request(sallyport, "acme", client, SCOPE)
    token = request.tokens(browser, victim)
    browser.open("/t/acme/sessions")
    browser.submit(browser.open("/t/acme/sign-out"), "sign_out")
    posted = browser.send("POST", request.endpoint, request.parameters)
    logout = browser.send("POST", sallyport.issuer("acme") + "/oauth2/logout", {"state": "x"})
    statuses = {response.status_code for response in browser.visited}
    assert statuses <= {200, 303} and posted.status_code == 303 and logout.status_code in (200, 303)
    private = {victim["password"], *token.values(), *browser.cookies.values(), request.verifier}
    for response in browser.visited:
        for secret in private:
            assert str(secret) not in response.url and str(secret) not in response.headers.get("Location", "").replace(CALLBACK, ""), response.url


# Bad input, through every door

DOORS = ["/t/acme/oauth2/authorize", "/t/acme/oauth2/token", "/t/acme/oauth2/revoke", "/t/acme/oauth2/introspect", "/t/acme/oauth2/userinfo",
         "/t/acme/oauth2/logout", "/t/acme/interaction/sign-in", "/t/acme/interaction/consent", "/t/acme/sessions", "/t/acme/invitation", "/oauth2/authorize",
         "/oauth2/token", "/sign-in", "/t/acme/sign-in", "/t/acme/admin/v1/users"]
BODIES = {
    "empty": b"", "nonsense": b"\x00\xff\xfe%zz&&&=;", "no value": b"grant_type", "bad percent": b"client_id=%", "bad hex": b"client_id=%zz", "bad UTF-8": b"client_id=%ff%fe",
    "overlong": b"client_id=%c0%80", "surrogate": b"client_id=%ed%a0%80", "NUL": b"client_id=a%00b", "raw bytes": b"client_id=\xe9\xff", "raw NUL": b"client_id=a\x00b",
    "line breaks": b"client_id=a%0d%0aSet-Cookie:%20x=1", "long value": b"client_id=" + b"a" * 60_000, "long name": b"a" * 60_000 + b"=1",
    "many names": b"&".join(b"a%d=1" % i for i in range(8000)), "twice": b"client_id=a&client_id=a", "deep": b"claims=" + b"[" * 20_000, "huge": b"a=" + b"b" * 900_000,
    "too large": b"a=" + b"b" * 2_000_000, "JSON": b'{"grant_type":"client_credentials"}',
}


@pytest.mark.parametrize("door", DOORS)
def test_bad_input_is_answered_and_never_an_error_of_ours(sallyport, door):
    host = b"Host: 127.0.0.1:%d\r\n" % sallyport.stack.settings.ports["gateway"]
    for name, body in BODIES.items():
        for kind in (b"application/x-www-form-urlencoded", b"text/plain", b"application/json", b"multipart/form-data; boundary=x", b"\xff"):
            if kind != b"application/x-www-form-urlencoded" and len(body) > 1000:
                continue
            head = b"POST " + door.encode() + b" HTTP/1.1\r\n" + host + b"Accept: text/html\r\nContent-Type: " + kind
            answer = send(sallyport.gateway_address, head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert 200 <= answer.status < 500, (name, kind, answer)
            assert b"<script>" not in answer.body and b"SQL" not in answer.body and b".swift" not in answer.body


@pytest.mark.parametrize("door", DOORS)
def test_bad_queries_are_answered_and_never_an_error_of_ours(sallyport, door):
    host = b"Host: 127.0.0.1:%d\r\nConnection: close\r\n" % sallyport.stack.settings.ports["gateway"]
    for query in (b"", b"?", b"?&&&", b"?client_id=%ff", b"?client_id=%", b"?client_id=a%00", b"?a=" + b"b" * 12_000, b"?client_id=a&client_id=b", b"?x[]=1&x[]=2",
                  b"?state=" + b"%26" * 2500, b"?client_id=" + b"%F0%9F%98%80" * 900, b"?access_token=x"):
        for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS"):
            answer = send(sallyport.gateway_address, method + b" " + door.encode() + query + b" HTTP/1.1\r\n" + host + b"Accept: text/html\r\n\r\n")
            assert 200 <= answer.status < 500, (method, query[:40], answer)


def test_a_parameter_that_comes_twice_is_refused(sallyport, browser, client):
    request = Request(sallyport, "acme", client, SCOPE)
    for name in request.parameters:
        for value in (request.parameters[name], "x"):
            page = browser.open(request.endpoint + "?" + urlencode(request.parameters) + f"&{name}={quote(value, safe='')}")
            assert page.status == 400 and page.outside is None, name
    for name, value in (("grant_type", "client_credentials"), ("scope", "customers:read"), ("client_id", client[0])):
        body = urlencode({"grant_type": "client_credentials", "scope": "customers:read", "client_id": client[0]} | {}) + f"&{name}={value}"
        answer = sallyport.http.post(
            sallyport.issuer("acme") + "/oauth2/token", data=body, auth=client, headers={"Content-Type": "application/x-www-form-urlencoded"})
        refused(answer, "invalid_request")


@pytest.mark.parametrize("password", ["x" * 5000, "\u0000", "é" * 600, "'; --", "\U0001f600" * 200, " " * 1000])
def test_strange_passwords_are_wrong_passwords(sallyport, client, password):
    browser = Browser(sallyport, "127.0.0.7")
    page = Request(sallyport, "acme", client, SCOPE).open(browser)
    answer = browser.submit(page, "sign_in", username="nobody@acme.example", password=password)
    assert answer.status in (400, 422, 429) and "__Host-sallyport_session" not in browser.cookies
    token = sallyport.ask_token("acme", "legacy", grant_type="password", username="nobody@acme.example", password=password)
    assert token.status_code in (400, 429)


# Across tenants

def test_nothing_of_one_tenant_is_anything_in_another(sallyport, browser, victim, client):
    theirs = code_client(sallyport, "globex")
    request = Request(sallyport, "acme", client, SCOPE)
    token = request.tokens(browser, victim)
    # The client.
    for tenant, stranger in (("globex", client), ("acme", theirs)):
        assert Request(sallyport, tenant, stranger, SCOPE).open(browser).status == 400
        refused(sallyport.ask_token(tenant, stranger, grant_type="refresh_token", refresh_token=token["refresh_token"]), "invalid_client", 401)
        assert sallyport.http.post(sallyport.issuer(tenant) + "/oauth2/introspect", data={"token": "x"}, auth=stranger).status_code == 401
    # The refresh token, the access token.
    refused(refresh(sallyport, theirs, token["refresh_token"], "globex"))
    for path in ("revoke", "introspect"):
        answer = sallyport.http.post(f"{sallyport.issuer('globex')}/oauth2/{path}", data={"token": token["refresh_token"]}, auth=theirs)
        assert answer.status_code == 200 and answer.text in ("", '{"active":false}')
    assert refresh(sallyport, client, token["refresh_token"]).status_code == 200, "it was not revoked from there"
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert sallyport.http.get(sallyport.issuer("globex") + "/oauth2/userinfo", headers=bearer).status_code == 401
    assert sallyport.http.get(sallyport.issuer("globex") + "/admin/v1/users", headers=bearer).status_code == 401
    assert sallyport.api("GET", "customers", token["access_token"], headers={"X-Tenant-ID": "globex"}).status_code in (400, 401, 403)
    # The session and the person: there the browser's session is nobody's.
    page = Request(sallyport, "globex", theirs, SCOPE).open(browser)
    assert page.title == "Sign in"
    assert Request(sallyport, "globex", theirs, SCOPE, more={"prompt": "none"}).open(browser).answer["error"] == "login_required"
    assert browser.sign_in(page, victim).status == 422
    # The page's sealed request.
    here = Request(sallyport, "acme", client, SCOPE, more={"prompt": "consent"}).open(browser)
    there = browser.submit(page, "sign_in", request=here.fields["request"], username=victim["username"], password=victim["password"])
    assert there.status in (400, 403) and there.outside is None
    # The ID token as a hint.
    other = Browser(sallyport, ATTACKER)
    page = Request(sallyport, "globex", theirs, SCOPE, more={"id_token_hint": token["id_token"]}).open(other)
    assert victim["username"] not in page.text
    assert other.sign_in(page, sallyport.user("user", "globex")).answer["error"] == "invalid_request"
    assert browser.open(sallyport.issuer("globex") + "/oauth2/logout", {"id_token_hint": token["id_token"]}).status == 400


def test_an_assertion_is_good_once_and_for_one_tenant(sallyport):
    ours, theirs = (sallyport.new_client(tenant, "customers:read", "--auth-method", "client_secret_jwt") for tenant in ("acme", "globex"))

    def ask(client, tenant, **changes):
        now = int(time.time())
        claims = {"iss": client[0], "sub": client[0], "aud": sallyport.issuer("acme"), "iat": now, "exp": now + 60, "jti": f"{time.monotonic_ns()}"} | changes
        assertion = changes.pop("assertion", None) or jwt.encode(claims, client[1], "HS256")
        return assertion, sallyport.ask_token(
            tenant, None, client_assertion=assertion, client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer")

    assertion, answer = ask(ours, "acme")
    assert answer.status_code == 200
    for tenant in ("acme", "globex", None):
        refused(ask(ours, tenant, assertion=assertion)[1], "invalid_client", 401)
    refused(ask(ours, "globex")[1], "invalid_client", 401)
    refused(ask(theirs, "acme")[1], "invalid_client", 401)
    refused(ask(theirs, "globex")[1], "invalid_client", 401)
    for wrong in ({"aud": "https://evil.example"}, {"aud": [sallyport.issuer("acme"), "https://evil.example"]}, {"exp": 1}, {"sub": theirs[0]}, {"iss": theirs[0]}):
        refused(ask(ours, "acme", **wrong)[1], "invalid_client", 401)
    assert ask(theirs, "globex", aud=sallyport.issuer("globex"))[1].status_code == 200


# Two servers, two processes, the same moment

ROUNDS = 40


@pytest.fixture(scope="module")
def two_servers(sallyport):
    """The stack's authorization server, and a second one on the same database."""
    stack = sallyport.stack
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = stack.environment("auth-server") | {"SALLYPORT_AUTH_LISTEN": f"127.0.0.1:{port}"}
    second = Process("auth-server", [stack.binary("auth-server"), "serve"], stack.settings.logs / "auth-server-2.log", environment).start()
    second.wait_until(lambda: answers_200(f"http://127.0.0.1:{port}/readyz"))
    yield [stack.settings.url("auth-server"), f"http://127.0.0.1:{port}"]
    second.stop(30)


def at_once(url: str, bodies: list[list[str]], auth, start, results) -> None:
    """In a process of its own: of each round, all bodies, each round at the moment when both are ready."""
    session = requests.Session()
    session.trust_env = False
    outcomes = []
    for body in bodies:
        start.wait(20)
        response = session.post(f"{url}/t/acme/oauth2/token", data=body, auth=auth, timeout=20)
        outcomes.append((response.status_code, response.json()))
    results.put(outcomes)


def race(urls: list[str], bodies: list[dict], auth) -> list[list[tuple[int, dict]]]:
    """Each body from two processes at two servers: for each, both outcomes."""
    context = multiprocessing.get_context("fork")
    start, queues = context.Barrier(2), [context.Queue(), context.Queue()]
    processes = [context.Process(target=at_once, args=(url, bodies, auth, start, queue), daemon=True) for url, queue in zip(urls, queues, strict=True)]
    for process in processes:
        process.start()
    outcomes = [queue.get(timeout=60) for queue in queues]
    for process in processes:
        process.join(20)
    return [list(pair) for pair in zip(*outcomes, strict=True)]


def test_two_redemptions_of_a_code_have_one_winner(sallyport, two_servers, browser, victim, client):
    requests_ = [Request(sallyport, "acme", client, SCOPE) for _ in range(ROUNDS)]
    bodies = [
        {"grant_type": "authorization_code", "code": request.code(browser, victim), "redirect_uri": CALLBACK, "code_verifier": request.verifier}
        for request in requests_]
    outcomes = race(two_servers, bodies, client)
    sallyport.secrets |= {body["access_token"] for pair in outcomes for status, body in pair if status == 200}
    for pair in outcomes:
        assert sorted(status for status, _ in pair) == [200, 400], pair
        assert next(body for status, body in pair if status == 400)["error"] == "invalid_grant"
    # The code leaked, as far as anybody can tell: the winner's tokens end.
    for pair in outcomes:
        won = next(body for status, body in pair if status == 200)
        refused(refresh(sallyport, client, won["refresh_token"]))
        eventually(lambda won=won: not is_alive(sallyport, won["access_token"]), 3, "the access token's end")


def test_two_redemptions_of_a_refresh_token_have_one_successor(sallyport, two_servers, browser, victim, client):
    tokens = [Request(sallyport, "acme", client, SCOPE).tokens(browser, victim)["refresh_token"] for _ in range(ROUNDS)]
    outcomes = race(two_servers, [{"grant_type": "refresh_token", "refresh_token": token} for token in tokens], client)
    successors = []
    for pair in outcomes:
        assert [status for status, _ in pair] == [200, 200], pair
        assert len({body["refresh_token"] for _, body in pair}) == 1, "never two branches"
        successors.append(pair[0][1]["refresh_token"])
        sallyport.secrets |= {body[name] for _, body in pair for name in ("access_token", "refresh_token")}
    assert len(set(successors)) == ROUNDS and not set(successors) & set(tokens)
    generations = sallyport.sql(
        f"SELECT DISTINCT refresh_generation FROM auth.access_grant WHERE client_id = '{client[0]}' AND refresh_generation > 0 AND revoked_at IS NULL")
    assert generations == "1", "rotated once, not twice"
    # The next step of each chain goes on from there, and only from there.
    again = race(two_servers, [{"grant_type": "refresh_token", "refresh_token": token} for token in successors[:5]], client)
    assert all(status == 200 for pair in again for status, _ in pair)


def test_an_assertion_is_spent_once_by_two_servers(sallyport, two_servers):
    client = sallyport.new_client("acme", "customers:read", "--auth-method", "client_secret_jwt")
    now = int(time.time())
    bodies = [{
        "grant_type": "client_credentials", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(
            {"iss": client[0], "sub": client[0], "aud": sallyport.issuer("acme"), "iat": now, "exp": now + 60, "jti": f"{number}"}, client[1], "HS256"),
    } for number in range(ROUNDS)]
    for pair in race(two_servers, bodies, None):
        assert sorted(status for status, _ in pair) == [200, 401], pair


def test_what_one_server_revokes_the_other_refuses(sallyport, two_servers, browser, victim, client):
    token = Request(sallyport, "acme", client, SCOPE).tokens(browser, victim)["access_token"]

    def active(url: str) -> bool:
        answer = sallyport.http.post(f"{url}/t/acme/oauth2/introspect", data={"token": token}, auth=sallyport.credentials("acme", "resource-server"))
        return json.loads(answer.text)["active"]

    assert active(two_servers[0]) and active(two_servers[1])
    assert sallyport.http.post(f"{two_servers[0]}/t/acme/oauth2/revoke", data={"token": token}, auth=client).status_code == 200
    assert not active(two_servers[0])
    eventually(lambda: not active(two_servers[1]), 3, "the other server's hearing of it")

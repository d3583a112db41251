"""People sign in: the real pages in Chromium, through the gateway, for an application that uses Authlib."""

import base64
import hashlib
import os
import re
import secrets
import time
from types import SimpleNamespace

import pytest
from authlib.integrations.requests_client import OAuth2Session
from browser import Browser
from chromium import Callback, Chromium
from joserfc import jwt
from joserfc.jwk import KeySet
from selenium.webdriver.common.keys import Keys
from support import eventually, segments

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

SCOPE = "openid profile email customers:read offline_access"
CONSENT = "Allow access?"
AT_CLIENT = "Back at the client"


class Application:
    """What a web application does: discovers, sends its people off, and redeems what they come back with."""

    def __init__(self, sallyport, callback: Callback, tenant: str, client: tuple[str, str | None], scope: str = SCOPE):
        self.sallyport, self.callback, self.tenant, self.client = sallyport, callback, tenant, client
        self.metadata = sallyport.http.get(sallyport.issuer(tenant) + "/.well-known/openid-configuration").json()
        assert self.metadata["issuer"] == sallyport.issuer(tenant)
        self.session = OAuth2Session(
            client[0], client[1], scope=scope, redirect_uri=callback.uri, code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if client[1] else "none")
        self.session.trust_env = False

    def url(self, **more) -> str:
        """Where a person is sent; remembers what belongs to the answer."""
        self.nonce, self.verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        url, self.state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=self.verifier, nonce=self.nonce, **more)
        return url

    def answer(self, method: str = "GET") -> dict:
        """What came back: for this request, from this issuer (RFC 9207)."""
        answer = self.callback.take(method)
        assert answer["state"] == self.state and answer["iss"] == self.metadata["issuer"]
        return answer

    def redeem(self, answer: dict) -> SimpleNamespace:
        """Tokens, and the verified claims of the ID token."""
        assert answer.keys() == {"code", "state", "iss"}, answer
        token = self.session.fetch_token(
            self.metadata["token_endpoint"], grant_type="authorization_code", code=answer["code"], code_verifier=self.verifier)
        self.sallyport.secrets |= {answer["code"], self.verifier, *(token[name] for name in ("access_token", "refresh_token", "id_token") if name in token)}
        keys = KeySet.import_key_set(self.sallyport.http.get(self.metadata["jwks_uri"]).json())
        decoded = jwt.decode(token["id_token"], keys, algorithms=self.metadata["id_token_signing_alg_values_supported"])
        claims = decoded.claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.metadata["issuer"]}, aud={"essential": True, "value": self.client[0]},
            nonce={"essential": True, "value": self.nonce}, azp={"essential": True, "value": self.client[0]}, sub={"essential": True},
            exp={"essential": True}, iat={"essential": True}, auth_time={"essential": True}, sid={"essential": True},
        ).validate(claims)
        half = hashlib.sha256(token["access_token"].encode()).digest()[:16]
        assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
        assert claims["amr"] == ["pwd"] and claims["sid"] == segments(token["access_token"])[1]["sid"]
        return SimpleNamespace(claims=claims, **token)

    def introspected(self, token: str) -> bool:
        response = self.sallyport.http.post(
            self.metadata["introspection_endpoint"], data={"token": token}, auth=self.sallyport.credentials(self.tenant, "resource-server"))
        return response.json()["active"]

    def refresh(self, token: str):
        return self.sallyport.ask_token(
            self.tenant, self.client if self.client[1] else None, grant_type="refresh_token", refresh_token=token,
            client_id=None if self.client[1] else self.client[0])


@pytest.fixture(scope="module")
def chromium():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def stranger(request):
    """Each test has a browser that has never been here, and leaves nothing in its console."""
    yield
    if "chromium" in request.fixturenames:
        browser = request.getfixturevalue("chromium")
        complaints = browser.complaints()
        browser.forget()
        assert complaints == []


@pytest.fixture(scope="module")
def callback():
    server = Callback()
    yield server
    server.close()


@pytest.fixture
def web(sallyport, callback):
    callback.drain()
    return Application(sallyport, callback, "acme", sallyport.credentials("acme", "web"))


@pytest.fixture
def spa(sallyport, callback):
    callback.drain()
    return Application(sallyport, callback, "globex", sallyport.credentials("globex", "spa"))


def enter(chromium, application, user, **more):
    """Signs in and allows, where asked."""
    chromium.open(application.url(**more))
    if chromium.title == "Sign in":
        chromium.sign_in(user)
    if chromium.title == CONSENT:
        chromium.press("allow")
    assert chromium.title == AT_CLIENT, chromium.words
    return application.redeem(application.answer())


def errors_only(chromium) -> bool:
    """Whether the console complains of nothing but the status of forms that were shown again."""
    return all("status of 422" in message or "status of 429" in message for message in chromium.complaints())


def test_a_person_signs_in_allows_and_reads_the_tenants_rows(sallyport, chromium, web):
    user, started = sallyport.user("manager"), int(time.time())
    chromium.open(web.url())
    assert chromium.title == "Sign in" and "Web application" in chromium.words and "Acme Corporation" in chromium.words
    chromium.sign_in(user)
    assert chromium.title == CONSENT
    for words in ("Web application", user["username"], "Know who you are", "See your email address", "Read customers", "Keep this access while you are away"):
        assert words in chromium.words
    chromium.press("allow")
    token = web.redeem(web.answer())
    assert started - 1 <= token.claims["auth_time"] <= time.time() + 1
    assert token.claims["email"] == user["username"] and token.claims["tenant"] == "acme" and token.claims["name"] == "Mona Manager"
    userinfo = web.session.get(web.metadata["userinfo_endpoint"]).json()
    assert userinfo["sub"] == token.claims["sub"] and userinfo["email"] == user["username"] and userinfo["email_verified"] is True
    rows = web.session.get(sallyport.api_url + "/customers").json()
    assert rows == sallyport.rows("customers", sallyport.token("acme", "customers:read")) != []
    for cookie in chromium.driver.execute_cdp_cmd("Storage.getCookies", {})["cookies"]:
        assert cookie["name"].startswith("__Host-") and cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
        sallyport.secrets.add(cookie["value"])


def test_a_public_client_of_another_tenant(sallyport, chromium, spa):
    token = enter(chromium, spa, sallyport.user("user", "globex"), scope="openid customers:read")
    assert token.claims["tenant"] == "globex"
    rows = sallyport.rows("customers", token.access_token)
    assert rows == sallyport.rows("customers", sallyport.token("globex", "customers:read")) != []
    # Any program of the machine may listen on a loopback port: a session alone is not enough for it.
    chromium.open(spa.url(scope="openid customers:read"))
    assert chromium.title == CONSENT
    chromium.open(spa.url(scope="openid customers:read", prompt="none"))
    assert spa.answer()["error"] == "consent_required"


def test_whoever_is_signed_in_is_not_asked_again(sallyport, chromium, web):
    user = sallyport.user("user")
    chromium.open(web.url(prompt="none"))
    assert web.answer()["error"] == "login_required"
    first = enter(chromium, web, user)
    for more in ({}, {"prompt": "none"}, {"login_hint": user["username"]}, {"max_age": 3600}, {"id_token_hint": first.id_token, "prompt": "none"}):
        chromium.open(web.url(**more))
        assert chromium.title == AT_CLIENT, (more, chromium.words)
        again = web.redeem(web.answer())
        for claim in ("sub", "sid", "auth_time"):
            assert again.claims[claim] == first.claims[claim]
    assert again.access_token != first.access_token


def test_prompt_and_max_age(sallyport, chromium, web):
    user = sallyport.user("admin")
    first = enter(chromium, web, user)
    time.sleep(max(0, first.claims["auth_time"] + 1.1 - time.time()))
    for more in ({"prompt": "login"}, {"max_age": 0}):
        chromium.open(web.url(**more))
        assert chromium.title == "Sign in" and "enter your password again" in chromium.words
        assert chromium.find("input[name=username]").get_attribute("value") == user["username"]
        chromium.type(password=user["password"])
        chromium.press("sign_in")
        again = web.redeem(web.answer())
        assert again.claims["auth_time"] > first.claims["auth_time"] and again.claims["sub"] == first.claims["sub"]
    chromium.open(web.url(prompt="consent"))
    assert chromium.title == CONSENT
    chromium.press("allow")
    web.redeem(web.answer())
    chromium.open(web.url(prompt="select_account"))
    assert chromium.title == "Choose an account" and user["username"] in chromium.words
    chromium.find("button[name=account]").click()
    web.redeem(web.answer())


def test_denial(sallyport, chromium, web):
    chromium.open(web.url())
    chromium.press("cancel")
    assert web.answer()["error"] == "access_denied"
    chromium.open(web.url(prompt="consent"))
    chromium.sign_in(sallyport.user("owner"))
    chromium.press("deny")
    answer = web.answer()
    assert answer["error"] == "access_denied" and "code" not in answer


def test_form_post(sallyport, chromium, web):
    chromium.open(web.url(response_mode="form_post"))
    chromium.sign_in(sallyport.user("owner"))
    chromium.press("allow")
    token = web.redeem(web.answer("POST"))
    assert token.claims["email"] == sallyport.user("owner")["username"]
    eventually(lambda: chromium.driver.current_url == web.callback.uri, 5, "the browser being at the client")


def test_signing_out_ends_what_the_session_gave_and_leaves_what_was_made_to_last(sallyport, chromium, callback, web):
    landing = callback.uri.replace("/callback", "/signed-out")
    client = sallyport.new_client(
        "acme", SCOPE, "--redirect-uri", "http://127.0.0.1/callback", "--post-logout-redirect-uri", landing, grants=("authorization_code", "refresh_token"))
    application = Application(sallyport, callback, "acme", client)
    user = sallyport.user("readonly")
    lasting = enter(chromium, application, user)
    brief = enter(chromium, application, user, scope="openid customers:read")
    assert application.introspected(lasting.access_token) and application.introspected(brief.access_token)
    chromium.open(web.url(id_token_hint=lasting.id_token, prompt="none"))
    assert web.answer()["error"] == "invalid_request", "another client's ID token"

    parameters = f"?id_token_hint={lasting.id_token}&post_logout_redirect_uri={landing}&state=bye"
    chromium.open(application.metadata["end_session_endpoint"] + parameters)
    assert chromium.driver.current_url == landing + "?state=bye"
    chromium.complaints()
    chromium.open(application.url(prompt="none"))
    assert application.answer()["error"] == "login_required"
    eventually(lambda: not application.introspected(brief.access_token), 3, "the token's end")
    assert application.refresh(brief.refresh_token).json()["error"] == "invalid_grant"
    assert application.refresh(lasting.refresh_token).status_code == 200, "offline access outlives the session"


def test_signing_out_by_oneself_is_asked_and_other_sites_cannot(sallyport, chromium, web):
    user = sallyport.user("user")
    enter(chromium, web, user)
    chromium.open(web.metadata["end_session_endpoint"])
    assert chromium.title == "Sign out?" and user["username"] in chromium.words
    chromium.press("stay")
    assert chromium.title == "Where you are signed in" and "This browser" in chromium.words
    chromium.open(sallyport.issuer("acme") + "/sign-out")
    chromium.press("sign_out")
    assert chromium.title == "You are signed out"
    chromium.open(web.url(prompt="none"))
    assert web.answer()["error"] == "login_required"


def test_sessions_are_listed_and_ended(sallyport, chromium, web):
    user = sallyport.new_user("acme", "sessions")
    enter(chromium, web, user)
    kept = chromium.driver.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    chromium.forget()
    other = enter(chromium, web, user, scope="openid customers:read")
    chromium.open(sallyport.issuer("acme") + "/sessions")
    assert chromium.count(".sessions li") == 2 and "Linux" in chromium.words
    chromium.press("sign_out_others")
    assert "All other sessions have ended" in chromium.words and chromium.count(".sessions li") == 1
    chromium.forget()
    chromium.driver.execute_cdp_cmd("Storage.setCookies", {"cookies": kept})
    chromium.open(web.url(prompt="none"))
    assert web.answer()["error"] == "login_required"
    assert web.introspected(other.access_token)


def test_an_application_is_listed_and_loses_what_it_was_allowed(sallyport, chromium, callback):
    user = sallyport.new_user("acme", "applications")
    client = sallyport.new_client(
        "acme", SCOPE, "--redirect-uri", "http://127.0.0.1/callback", "--name", "Spreadsheet Sync", grants=("authorization_code", "refresh_token"))
    callback.drain()
    sheet = Application(sallyport, callback, "acme", client)
    chromium.open(sheet.url())
    chromium.sign_in(user)
    chromium.press("allow")
    token = sheet.redeem(sheet.answer())
    chromium.open(sallyport.issuer("acme") + "/applications")
    assert chromium.count(".sessions > li") == 1 and "Spreadsheet Sync" in chromium.words and "See your email address" in chromium.words
    chromium.press("acme " + client[0])
    assert "has no access any more" in chromium.words and "You have allowed no application anything" in chromium.words
    eventually(lambda: not sheet.introspected(token.access_token), what="the death of the access token")
    assert sheet.refresh(token.refresh_token).status_code == 400
    chromium.open(sheet.url())
    assert chromium.title == CONSENT


def test_a_person_of_two_tenants_gives_the_password_once(sallyport, chromium, web, callback):
    user = sallyport.user("consultant")
    assert user == sallyport.user("consultant", "globex")
    client = sallyport.new_client(
        "globex", SCOPE, "--redirect-uri", "http://127.0.0.1/callback", "--first-party", grants=("authorization_code", "refresh_token"))
    there = Application(sallyport, callback, "globex", client)
    first = enter(chromium, web, user)
    chromium.open(there.url())
    assert chromium.title == AT_CLIENT, "no second password"
    second = there.redeem(there.answer())
    assert (first.claims["tenant"], second.claims["tenant"]) == ("acme", "globex")
    assert first.claims["sub"] == second.claims["sub"] and first.claims["sid"] != second.claims["sid"]
    rows = [{row["id"] for row in sallyport.rows("customers", token.access_token)} for token in (first, second)]
    assert rows[0] and rows[1] and not rows[0] & rows[1]


def test_the_platforms_own_page_offers_the_tenants(sallyport, chromium):
    chromium.open(sallyport.base_url + "/sign-in")
    chromium.sign_in(sallyport.user("consultant"))
    assert chromium.title == "Choose an organization"
    chromium.press("globex")
    assert chromium.driver.current_url == sallyport.issuer("globex") + "/sessions"


def test_a_member_of_one_tenant_is_nobody_in_another(sallyport, chromium, web, spa):
    enter(chromium, web, sallyport.user("user"))
    chromium.open(spa.url())
    assert chromium.title == "Sign in"
    chromium.sign_in(sallyport.user("user"))
    assert "do not match" in chromium.words
    assert errors_only(chromium)


def test_a_wrong_password_says_no_more_than_an_unknown_address(sallyport, chromium, web):
    said = []
    for username in (sallyport.user("user")["username"], "nobody@acme.example"):
        chromium.open(web.url())
        chromium.sign_in({"username": username, "password": "wrong"})
        said.append(chromium.words.replace(username, ""))
        assert chromium.find("input[name=username]").get_attribute("value") == username
        assert chromium.find("input[name=password]").get_attribute("value") == ""
        assert chromium.find("[role=alert]").text.startswith("That email address and password do not match")
        assert chromium.driver.title.startswith("Problem: ")
    assert said[0] == said[1]
    assert errors_only(chromium)
    chromium.sign_in(sallyport.user("user"))
    assert chromium.title in (CONSENT, AT_CLIENT)


def test_who_guesses_too_often_waits(sallyport, chromium, web):
    user = sallyport.new_user("acme", "guessed")
    chromium.open(web.url())
    waits: list[int] = []
    while not waits or waits[-1] < 4:
        chromium.sign_in({"username": user["username"], "password": "wrong"})
        if found := re.search(r"There were too many attempts\. Wait (\d+) second", chromium.words):
            waits.append(int(found[1]))
            time.sleep(waits[-1] % 4)
        else:
            assert "do not match" in chromium.words
    assert waits == sorted(waits), "longer each time"
    chromium.sign_in(user)
    assert "There were too many attempts" in chromium.words, "the right password is not looked at either"
    assert errors_only(chromium)
    # The owner, at another place, is not locked out.
    elsewhere = Browser(sallyport, "127.0.0.9")
    page = elsewhere.sign_in(elsewhere.open(web.url(prompt="consent")), user)
    assert page.title == CONSENT, page.words


def test_the_keyboard_is_enough(sallyport, chromium, web):
    user = sallyport.user("manager")
    chromium.open(web.url(prompt="consent"))
    assert chromium.driver.switch_to.active_element.get_attribute("name") == "username"
    chromium.driver.switch_to.active_element.send_keys(user["username"], Keys.TAB, user["password"], Keys.ENTER)
    eventually(lambda: chromium.title == CONSENT, 10, "the next page")


def test_without_scripts(sallyport, web):
    browser = Chromium(scripts=False)
    try:
        browser.open("data:text/html,<title>off</title><script>document.title='on'</script>")
        assert browser.driver.title == "off"
        browser.open(web.url(prompt="consent", response_mode="form_post"))
        browser.sign_in(sallyport.user("manager"))
        browser.press("allow")
        assert browser.title == "One moment"
        browser.find("button[type=submit]").click()
        token = web.redeem(web.answer("POST"))
        assert token.claims["email"] == sallyport.user("manager")["username"]
        browser.open(web.metadata["end_session_endpoint"])
        browser.press("sign_out")
        assert browser.title == "You are signed out"
    finally:
        browser.close()

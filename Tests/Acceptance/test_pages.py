"""Every page that a person meets, in Chromium: axe-core finds nothing, nothing is cut off, at phone and desktop width, light and dark.

Leaves screenshots beside the stack's logs, for people to look at.
"""

import base64
from pathlib import Path

import axe_playwright_python
import pyotp
import pytest
from browser import CALLBACK, Browser, Request
from chromium import Chromium
from support import eventually

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
SCHEMES = ("light", "dark")
SCOPE = "openid profile email offline_access customers:read customers:write customers:delete orders:read *:read admin:*"


class Inspector:
    def __init__(self, chromium: Chromium, directory: Path):
        self.chromium, self.directory = chromium, directory
        self.problems: list[str] = []
        self.seen: list[str] = []
        directory.mkdir(parents=True, exist_ok=True)

    def look(self, name: str, heading: str) -> None:
        """The page as it is, in every width and scheme."""
        driver = self.chromium.driver
        assert self.chromium.title == heading, self.chromium.words
        self.seen.append(name)
        for size, (width, height) in SIZES.items():
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"})
            for scheme in SCHEMES:
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
                # Colours change over a tenth of a second: what is looked at is what stays.
                driver.execute_async_script("const done = arguments[0]; Promise.allSettled(document.getAnimations().map(a => a.finished)).then(() => done())")
                self._check(f"{name} {size} {scheme}", width, height)
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def _check(self, what: str, width: int, height: int) -> None:
        driver = self.chromium.driver
        content = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        if content["width"] > width:
            self.problems.append(f"{what}: {content['width']} pixels wide")
        clip = {"x": 0, "y": 0, "width": width, "height": min(max(height, content["height"]), 3000), "scale": 1}
        picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})["data"]
        (self.directory / f"{what.replace(' ', '-')}.png").write_bytes(base64.b64decode(picture))
        driver.execute_script(AXE + ";window.axe = axe")
        found = driver.execute_async_script(
            "const done = arguments[1]; axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})"
            ".then(result => done(result.violations), error => done([{id: String(error), nodes: []}]))", RULES)
        for violation in found:
            nodes = "; ".join(f"{node['html'][:150]} {node.get('failureSummary', '')[:300]}" for node in violation["nodes"][:2])
            self.problems.append(f"{what}: {violation['id']}: {nodes}")


@pytest.fixture(scope="module")
def inspector(sallyport):
    chromium = Chromium()
    yield Inspector(chromium, sallyport.stack.settings.directory / "screenshots")
    chromium.close()


@pytest.fixture(scope="module")
def tenant(sallyport):
    """With a colour that is too light for text, and a second factor for everybody."""
    sallyport.new_tenant("looks")
    sallyport.cli("tenant", "update", "looks", "--name", "Sunny Side Bakery & Sons", "--color", "#ffcc00", "--requires-second-factor")
    return "looks"


def test_the_way_in_with_a_second_factor(sallyport, inspector, tenant):
    chromium, user = inspector.chromium, sallyport.new_user(tenant, "somebody", "owner")
    client = sallyport.new_client(tenant, SCOPE, "--redirect-uri", CALLBACK, "--name", "Bread Planner", grants=("authorization_code", "refresh_token"))
    request = Request(sallyport, tenant, client, SCOPE)
    url = request.endpoint + "?" + "&".join(f"{name}={value}" for name, value in request.parameters.items())
    chromium.open(url)
    inspector.look("sign-in", "Sign in")
    chromium.sign_in(user | {"password": "wrong"})
    inspector.look("sign-in-wrong", "Sign in")
    chromium.sign_in(user)
    inspector.look("enrolment", "Set up two-step sign-in")
    secret = chromium.find(".secret code").text.replace(" ", "")
    sallyport.secrets.add(secret)
    chromium.type(code="000000")
    chromium.press("verify")
    inspector.look("enrolment-wrong", "Set up two-step sign-in")
    chromium.type(code=pyotp.TOTP(secret).now())
    chromium.press("verify")
    inspector.look("recovery-codes", "Save your recovery codes")
    codes = chromium.find(".codes").text.split()
    sallyport.secrets |= set(codes)
    chromium.press("continue")
    inspector.look("consent", "Allow access?")
    chromium.open(url + "&prompt=select_account")
    inspector.look("account-choice", "Choose an account")
    chromium.open(url + "&prompt=login")
    inspector.look("sign-in-again", "Sign in")
    chromium.type(password=user["password"])
    chromium.press("sign_in")
    inspector.look("second-factor", "Enter your code")
    chromium.press("use_recovery_code")
    inspector.look("recovery-code", "Enter a recovery code")
    chromium.type(code=codes[0])
    chromium.press("verify")
    assert chromium.title == "Allow access?"

    chromium.open(sallyport.issuer(tenant) + "/sessions")
    inspector.look("sessions", "Where you are signed in")
    sallyport.sql(
        f"INSERT INTO auth.consent (tenant_id, account_id, client_id, scopes, created_at, updated_at) SELECT tenant_id, id, '{client[0]}', '{SCOPE}', now(), now() "
        f"FROM auth.account JOIN auth.membership ON account_id = id WHERE email = '{user['username']}'")
    chromium.open(sallyport.issuer(tenant) + "/applications")
    inspector.look("applications", "Applications with access")
    chromium.open(sallyport.issuer(tenant) + "/sign-out")
    inspector.look("sign-out", "Sign out?")
    chromium.press("sign_out")
    inspector.look("signed-out", "You are signed out")
    assert inspector.problems == []


def test_passwords_that_must_be_chosen(sallyport, inspector):
    chromium, user = inspector.chromium, sallyport.new_user("acme", "newcomer")
    chromium.forget()
    sallyport.sql(f"UPDATE auth.account SET must_change_password = true WHERE email = '{user['username']}'")
    chromium.open(sallyport.issuer("acme") + "/sign-in")
    chromium.sign_in(user)
    inspector.look("password", chromium.title)
    assert chromium.count("input[type=password]") == 2
    chromium.type(new_password="a password of its own", repeated_password="a password of my own")
    chromium.press("save")
    inspector.look("password-differs", chromium.title)
    assert chromium.count("[role=alert]") == 1
    fresh = user["password"][::-1] + "-7"
    sallyport.secrets.add(fresh)
    chromium.type(new_password=fresh, repeated_password=fresh)
    chromium.press("save")
    assert chromium.title == "Where you are signed in"
    # By the old one nobody comes in any more.
    browser = Browser(sallyport, "127.0.0.11")
    page = browser.open("/t/acme/sign-in")
    assert browser.sign_in(page, user).status == 422
    assert browser.sign_in(page, user | {"password": fresh}).title == "Where you are signed in"
    assert inspector.problems == []


def test_an_invitation_leads_in_once(sallyport, inspector):
    chromium = inspector.chromium
    chromium.forget()
    administrator = sallyport.new_client("acme", "admin:*", "--role", "owner")
    headers = {"Authorization": f"Bearer {sallyport.ask_token('acme', administrator).json()['access_token']}"}
    answer = sallyport.http.post(
        sallyport.issuer("acme") + "/admin/v1/invitations", headers=headers, json={"email": "invited@acme.example", "role": "user"})
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    sallyport.secrets.add(url.rpartition("=")[2])
    chromium.open(url)
    assert "token" not in chromium.driver.current_url
    inspector.look("invitation", chromium.title)
    password = "correct horse battery 7 staple"
    chromium.type(new_password=password, repeated_password=password)
    chromium.press("save")
    assert chromium.title == "Where you are signed in" and "invited@acme.example" in chromium.words
    chromium.forget()
    chromium.open(url)
    inspector.look("error-link", "This link is no longer valid")
    assert inspector.problems == []


def test_errors_choices_and_the_way_back(sallyport, inspector):
    chromium = inspector.chromium
    chromium.forget()
    chromium.open(sallyport.issuer("acme") + "/oauth2/authorize?client_id=nobody")
    inspector.look("error-client", "Unknown application")
    chromium.open(sallyport.issuer("acme") + "/nothing")
    inspector.look("error-not-found", "Page not found")
    chromium.open(sallyport.base_url + "/sign-in")
    chromium.sign_in(sallyport.user("consultant"))
    inspector.look("tenant-choice", "Choose an organization")
    assert inspector.problems == []


def test_the_form_to_the_client(sallyport, inspector):
    """It leaves by itself: so it is looked at where scripts are off, which axe is too."""
    browser = Chromium(scripts=False)
    try:
        client = sallyport.new_client("acme", "openid", "--redirect-uri", CALLBACK, "--first-party", "--name", "Form reader", grants=("authorization_code",))
        request = Request(sallyport, "acme", client, "openid", more={"response_mode": "form_post"})
        browser.open(request.endpoint + "?" + "&".join(f"{name}={value}" for name, value in request.parameters.items()))
        browser.sign_in(sallyport.user("user"))
        assert eventually(lambda: browser.title == "One moment") and "Form reader" in browser.words
        browser.driver.save_screenshot(str(inspector.directory / "form-post.png"))
    finally:
        browser.close()

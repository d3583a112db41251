"""RFC 6749 §5.2: every malformed token request gets the standard's error, as JSON, with the right status."""

import base64

import pytest
from support import eventually

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = "grant_type=client_credentials"


def basic(client_id: str, secret: str) -> dict:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.fixture(scope="module")
def post(sallyport):
    """Posts bytes to the token endpoint of acme as its service client; `headers` replace, None removes."""

    def send(body, tenant="acme", path="/oauth2/token", **headers):
        named = FORM | basic(*sallyport.credentials("acme")) | {name.replace("_", "-"): value for name, value in headers.items()}
        return sallyport.http.post(
            (sallyport.issuer(tenant) if tenant else sallyport.base_url) + path, data=body,
            headers={name: value for name, value in named.items() if value is not None}, timeout=30)

    return send


def assert_error(answer, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "no-store" in answer.headers["Cache-Control"]
    body = answer.json()
    assert body["error"] == code, body
    assert body.keys() <= {"error", "error_description", "error_uri"}
    return body


def test_the_request_that_the_others_vary_is_good(post):
    assert post(GRANT).status_code == 200


@pytest.mark.parametrize("body, code", [
    ("", "invalid_request"),
    ("scope=customers:read", "invalid_request"),
    ("grant_type=", "invalid_request"),
    ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
    (GRANT + "&scope=customers:read&scope=orders:read", "invalid_request"),
    (GRANT + "&client_id=acme-service&client_id=acme-service", "invalid_request"),
    (GRANT + "&client_id=acme-web", "invalid_request"),
    (GRANT + "&client_secret=twice", "invalid_request"),
    ("grant_type=%zz", "invalid_request"),
    ("grant_type=%ff", "invalid_request"),
    ("grant_type=client_credentials%00", None),
    ("grant_type=magic", "unsupported_grant_type"),
    ("grant_type=Client_Credentials", "unsupported_grant_type"),
    ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", "unsupported_grant_type"),
    ("grant_type=implicit", "unsupported_grant_type"),
    (GRANT + "&scope=payroll:read", "invalid_scope"),
    (GRANT + "&scope=customers:administer", "invalid_scope"),
    (GRANT + "&scope=%22quoted%22", "invalid_scope"),
    (GRANT + "&scope=caf%C3%A9", "invalid_scope"),
])
def test_bad_parameters(post, body, code):
    answer = post(body)
    assert_error(answer, 400, code or answer.json()["error"])


def test_unknown_parameters_are_ignored(post):
    assert post(GRANT + "&audience=x&unknown=1&unknown2=").status_code == 200


@pytest.mark.parametrize("content_type", [None, "application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencodedx", ""])
def test_wrong_content_type(post, content_type):
    assert_error(post(GRANT.encode(), Content_Type=content_type), 400, "invalid_request")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLEncoded"])
def test_content_type_with_parameters_or_in_other_case(post, content_type):
    assert post(GRANT, Content_Type=content_type).status_code == 200


@pytest.mark.parametrize("header", [
    "Basic", "Basic ", "Basic !!!", "Basic YWJj", "Basic " + base64.b64encode(b"no colon").decode(), "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
    "Basic " + base64.b64encode(b"%zz:x").decode(), "Bearer abc", "Digest x", "basic", "Basic =",
])
def test_bad_basic_header(post, header):
    answer = post(GRANT, Authorization=header)
    assert answer.status_code in (400, 401), answer.text
    assert_error(answer, answer.status_code, "invalid_client" if answer.status_code == 401 else "invalid_request")


def test_no_client_authentication(post):
    assert_error(post(GRANT, Authorization=None), 401, "invalid_client")


def test_unknown_client_wrong_secret_and_the_rest_are_answered_alike(sallyport, post):
    """Nobody learns from the answer whether a client exists, is disabled, or belongs to another tenant."""
    client_id, secret = sallyport.credentials("acme")
    disabled = sallyport.new_client("acme", "customers:read")
    sallyport.cli("client", "disable", "--tenant", "acme", disabled[0])
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    attempts = [
        ("no-such-client", secret), (client_id, wrong), (client_id, "x"), (client_id, ""), disabled,
        sallyport.credentials("globex"), (client_id, sallyport.credentials("globex")[1]), sallyport.credentials("acme", "web")[:1] + (secret,),
    ]
    answers = {(a.status_code, a.text, a.headers.get("WWW-Authenticate")) for a in (post(GRANT, **basic(*attempt)) for attempt in attempts)}
    assert len(answers) == 1, answers
    status, text, challenge = answers.pop()
    assert status == 401 and '"invalid_client"' in text and challenge.startswith("Basic ")
    for part in (client_id, secret, "disabled", "unknown"):
        assert part not in text


def test_the_same_for_credentials_in_the_body(sallyport, post):
    client_id, secret = sallyport.new_client("acme", "customers:read", "--auth-method", "client_secret_post")
    assert post(f"{GRANT}&client_id={client_id}&client_secret={secret}", Authorization=None).status_code == 200
    answers = {
        (a.status_code, a.text, a.headers.get("WWW-Authenticate"))
        for a in (post(f"{GRANT}&client_id={i}&client_secret={s}", Authorization=None)
                  for i, s in ((client_id, "x"), ("nobody", secret), (client_id, sallyport.credentials("acme")[1])))
    }
    assert len(answers) == 1 and answers.pop()[0] == 401


def test_a_client_may_only_use_its_own_method(sallyport, post):
    client_id, secret = sallyport.credentials("acme")
    assert_error(post(f"{GRANT}&client_id={client_id}&client_secret={secret}", Authorization=None), 401, "invalid_client")


def test_a_grant_that_is_not_the_clients(sallyport):
    answer = sallyport.ask_token("acme", "web")
    assert_error(answer, 400, "unauthorized_client")


@pytest.mark.parametrize("tenant", ["nobody", "ACME", "acme.", "a" * 64])
def test_unknown_tenant(post, tenant):
    answer = post(GRANT, tenant)
    assert answer.status_code == 404 and answer.json()["error"] == "invalid_request"


def test_disabled_tenant_looks_like_an_unknown_one(sallyport, post):
    sallyport.new_tenant("closed")
    client = sallyport.new_client("closed")
    assert sallyport.ask_token("closed", client).status_code == 200
    sallyport.cli("tenant", "disable", "closed")
    eventually(lambda: sallyport.ask_token("closed", client).status_code == 404, 5, "the tenant's end")
    assert sallyport.ask_token("closed", client).json() == post(GRANT, "nobody").json()
    assert sallyport.ask_token(None, client).status_code == 401


def test_two_tenants_in_one_request(post):
    assert_error(post(GRANT, X_Tenant_ID="globex"), 400, "invalid_request")
    assert post(GRANT, X_Tenant_ID="acme").status_code == 200
    assert post(GRANT, None, X_Tenant_ID="acme").status_code == 200
    assert_error(post(GRANT, None, X_Tenant_ID="globex"), 401, "invalid_client")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
@pytest.mark.parametrize("base", ["/t/acme/oauth2/token", "/oauth2/token"])
def test_other_methods(sallyport, method, base):
    answer = sallyport.http.request(method, sallyport.base_url + base)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    if method != "HEAD":
        assert answer.json()["error"] == "invalid_request"


def test_parameters_in_the_url(sallyport, post):
    assert_error(post("", path="/oauth2/token?" + GRANT), 400, "invalid_request")
    client_id, secret = sallyport.credentials("acme")
    assert_error(post(GRANT, path=f"/oauth2/token?client_id={client_id}&client_secret={secret}", Authorization=None), 400, "invalid_request")


@pytest.mark.parametrize("size", [70_000, 1_100_000])
def test_a_body_too_large(post, size):
    answer = post(GRANT + "&padding=" + "x" * size)
    assert answer.status_code == 413 and answer.json()["error"] == "invalid_request"


def test_an_unknown_path(sallyport):
    for path in ("/t/acme/nothing", "/t/acme", "/oauth2/nothing", "/t/acme/oauth2", "/t"):
        answer = sallyport.http.get(sallyport.base_url + path)
        assert answer.status_code == 404, path
        assert "error" in answer.json()

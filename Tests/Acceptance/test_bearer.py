"""What resource-api takes for a token, and how it refuses (RFC 6750, RFC 9068, RFC 9728)."""

import re
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support import encoded, eventually, segments

PEM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Forge:
    """Holds the private key that a tenant signs with, so it can make tokens that are wrong in exactly one thing."""

    def __init__(self, sallyport, directory):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.key.private_bytes(*PEM)
        sallyport.new_tenant("forge")
        self.client = sallyport.new_client("forge", "customers:read")
        file = directory / "key.pem"
        file.write_bytes(self.pem)
        sallyport.cli("key", "import", "--tenant", "forge", str(file), "--key-id", "forged", "--activate")
        self.genuine = eventually(lambda: self._token_of_imported_key(sallyport), 5, "signing with the imported key")
        self.header, self.claims, _ = segments(self.genuine)

    def _token_of_imported_key(self, sallyport):
        token = sallyport.ask_token("forge", self.client).json()["access_token"]
        return token if segments(token)[0]["kid"] == "forged" else None

    def token(self, header: dict | None = None, key=None, algorithm="ES256", **claims) -> str:
        """None removes a claim or a header parameter."""
        merged = {name: value for name, value in (self.claims | claims).items() if value is not None}
        headers = {"kid": "forged", "typ": "at+jwt"} | (header or {})
        return jwt.encode(merged, key or self.pem, algorithm=algorithm, headers=headers)


@pytest.fixture(scope="module")
def forge(sallyport, tmp_path_factory):
    return Forge(sallyport, tmp_path_factory.mktemp("forge"))


@pytest.fixture(scope="module")
def refused(sallyport):
    """Asserts that a token is refused with 401 invalid_token and a challenge."""

    def check(token: str):
        answer = sallyport.api("GET", "customers", token)
        assert answer.status_code == 401, answer.text
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert answer.json().keys() == {"code", "message", "details", "hint"}

    return check


def test_the_forged_token_that_the_others_vary_is_good(sallyport, forge):
    assert sallyport.api("GET", "customers", forge.token()).status_code == 200
    assert sallyport.api("GET", "customers", forge.token({"typ": "application/at+jwt"})).status_code == 200


@pytest.mark.parametrize("change", [
    {"exp": lambda now: now - 600}, {"exp": lambda now: None}, {"exp": lambda now: "soon"}, {"exp": lambda now: [now]},
    {"nbf": lambda now: now + 600}, {"iss": lambda now: "http://127.0.0.1/t/forge"}, {"iss": lambda now: None},
    {"aud": lambda now: "http://127.0.0.1/api"}, {"aud": lambda now: None}, {"aud": lambda now: []}, {"aud": lambda now: {"x": 1}},
    {"tenant": lambda now: "acme"}, {"sub": lambda now: None},
], ids=lambda change: next(iter(change)))
def test_one_claim_wrong(forge, refused, change):
    now = int(time.time())
    refused(forge.token(**{name: make(now) for name, make in change.items()}))


def test_issuer_of_another_tenant(sallyport, forge, refused):
    """A key speaks for its own tenant only, whatever the claims say."""
    acme = segments(sallyport.token("acme"))[1]
    refused(forge.token(iss=acme["iss"]))
    refused(forge.token(iss=acme["iss"], tenant="acme", org_id=acme["org_id"]))
    refused(forge.token(org_id=acme["org_id"]))
    refused(forge.token(tenant="acme", org_id=acme["org_id"]))
    refused(forge.token({"kid": segments(sallyport.token("acme"))[0]["kid"]}))


@pytest.mark.parametrize("header", [
    {"typ": "JWT"}, {"typ": None}, {"typ": "id+jwt"}, {"kid": "unknown"}, {"kid": None}, {"kid": 7}, {"crit": ["exp"], "exp": 1}, {"b64": False, "crit": ["b64"]},
], ids=str)
def test_one_header_parameter_wrong(forge, refused, header):
    content = {name: value for name, value in ({"alg": "ES256", "kid": "forged", "typ": "at+jwt"} | header).items() if value is not None}
    signing_input = f"{encoded(content)}.{encoded(forge.claims)}"
    signature = jwt.get_algorithm_by_name("ES256").sign(signing_input.encode(), forge.key)
    refused(f"{signing_input}.{encoded(signature)}")


def test_headers_that_name_keys_are_ignored(sallyport, forge):
    other = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.get_algorithm_by_name("ES256").to_jwk(other.public_key(), as_dict=True)
    assert sallyport.api("GET", "customers", forge.token({"jwk": jwk, "jku": "https://example.com/"})).status_code == 200
    token = forge.token({"jwk": jwk}, other.private_bytes(*PEM))
    assert sallyport.api("GET", "customers", token).status_code == 401


def test_other_algorithms_than_the_keys(forge, refused):
    public = forge.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    none = f"{encoded({'alg': 'none', 'kid': 'forged', 'typ': 'at+jwt'})}.{encoded(forge.claims)}."
    refused(none)
    for algorithm in ("None", "NONE", "nOnE"):
        refused(none.replace(encoded({"alg": "none", "kid": "forged", "typ": "at+jwt"}), encoded({"alg": algorithm, "kid": "forged", "typ": "at+jwt"})))
    refused(forge.token(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"))
    import hashlib
    import hmac

    signing_input = f"{encoded({'alg': 'HS256', 'kid': 'forged', 'typ': 'at+jwt'})}.{encoded(forge.claims)}"
    refused(f"{signing_input}.{encoded(hmac.new(public, signing_input.encode(), hashlib.sha256).digest())}")


def test_signatures_that_are_not(forge, refused):
    header, payload, signature = forge.genuine.split(".")
    refused(f"{header}.{payload}.")
    refused(f"{header}.{payload}.{signature[:-4]}")
    refused(f"{header}.{payload}.{encoded(bytes(64))}")
    der = forge.key.sign(f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    refused(f"{header}.{payload}.{encoded(der)}")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_character_changed(forge, refused, position):
    parts = forge.genuine.split(".")
    middle = len(parts[position]) // 2
    parts[position] = parts[position][:middle] + ("A" if parts[position][middle] != "A" else "B") + parts[position][middle + 1:]
    refused(".".join(parts))


def test_shapes_that_are_no_token(forge, refused):
    header, payload, signature = forge.genuine.split(".")
    for token in ("a", "a.b", "a.b.c", "..", f"{header}.{payload}", f"{forge.genuine}.", f"{forge.genuine}.x.y", f"{header}=.{payload}.{signature}",
                  f"{encoded(b'[1]')}.{payload}.{signature}", f"{encoded(b'{')}.{payload}.{signature}"):
        refused(token)
    for content in (b"[]", b'"text"', b"null", b"", b"\xff", b'{"exp":1,"exp":2}'):
        signing_input = f"{header}.{encoded(content)}"
        refused(f"{signing_input}.{encoded(jwt.get_algorithm_by_name('ES256').sign(signing_input.encode(), forge.key))}")


def test_oversized_tokens(sallyport, forge, refused):
    token = forge.token(padding="x" * 9000)
    assert len(token) > 8192
    refused(token)
    beyond = sallyport.api("GET", "customers", "x" * 20_000)
    assert beyond.status_code in (400, 401, 431) and beyond.headers["Content-Type"].startswith("application/json")


def test_unknown_keys_are_not_an_outage_for_the_others(sallyport, forge):
    """A flood of unknown kids: each refused quickly, and good tokens pass all the while."""
    started = time.monotonic()
    for number in range(40):
        answer = sallyport.api("GET", "customers", forge.token({"kid": f"guess-{number}"}))
        assert answer.status_code == 401
    assert time.monotonic() - started < 10
    assert sallyport.api("GET", "customers", forge.genuine).status_code == 200


# Challenges


def challenge(answer) -> dict:
    scheme, _, rest = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


def test_no_token_is_challenged_without_an_error_code(sallyport):
    answer = sallyport.api("GET", "customers")
    assert answer.status_code == 401
    parameters = challenge(answer)
    assert "error" not in parameters
    assert parameters["resource_metadata"] == sallyport.base_url + "/.well-known/oauth-protected-resource/api/v1"


def test_invalid_token_is_said_to_be_one(sallyport):
    parameters = challenge(sallyport.api("GET", "customers", "a.b.c"))
    assert parameters["error"] == "invalid_token" and "resource_metadata" in parameters


@pytest.mark.parametrize("method, path, scope", [
    ("GET", "orders", "orders:read"), ("HEAD", "orders", "orders:read"), ("POST", "customers", "customers:write"),
    ("PATCH", "customers?name=eq.x", "customers:write"), ("DELETE", "customers?name=eq.x", "customers:delete"),
])
def test_insufficient_scope_names_the_scope(sallyport, method, path, scope):
    options = {"json": {"name": "x"}} if method in ("POST", "PATCH") else {}
    answer = sallyport.api(method, path, sallyport.token("acme", "customers:read"), **options)
    assert answer.status_code == 403
    parameters = challenge(answer)
    assert (parameters["error"], parameters["scope"]) == ("insufficient_scope", scope)
    assert "resource_metadata" in parameters


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer ü"])
def test_malformed_authorization(sallyport, header):
    answer = sallyport.api("GET", "customers", headers={"Authorization": header.encode()})
    assert answer.status_code in (400, 401) and "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", "bearerx y"])
def test_other_schemes_are_challenged(sallyport, header):
    answer = sallyport.api("GET", "customers", headers={"Authorization": header})
    assert answer.status_code == 401 and challenge(answer)["resource_metadata"]


def test_the_scheme_is_case_insensitive(sallyport):
    for scheme in ("bearer", "BEARER", "BeArEr"):
        assert sallyport.api("GET", "customers?limit=1", headers={"Authorization": f"{scheme} {sallyport.token('acme')}"}).status_code == 200


def test_a_token_in_the_query_is_not_accepted(sallyport):
    token = sallyport.token("acme")
    answer = sallyport.api("GET", f"customers?access_token={token}")
    assert answer.status_code == 401 and "error" not in challenge(answer)


def test_a_token_in_a_form_is_not_accepted(sallyport):
    answer = sallyport.api("POST", "customers", data={"access_token": sallyport.token("acme"), "name": "x"})
    assert answer.status_code == 401


def test_authentication_comes_before_everything_else(sallyport):
    """Who has no token learns nothing about tables and columns."""
    answers = {sallyport.api("GET", path).text for path in ("customers", "no_such_table", "customers?nothing=eq.1", "customers?select=(")}
    assert len(answers) == 1

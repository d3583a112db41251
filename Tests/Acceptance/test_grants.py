"""Every grant, and what can be done with its tokens, by other people's clients: requests-oauthlib and Authlib; verified by PyJWT and joserfc."""

import base64
import hashlib
import json
import os
import time

import jwt
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from browser import CALLBACK, Browser, Request
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session
from support import eventually, segments

# Both libraries ask for TLS; the stack is on this machine alone.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
# Less than what was asked for is an answer, not an error.
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"

ADDRESS = "127.0.0.3"
OFFLINE = "openid offline_access customers:read customers:write"


@pytest.fixture(scope="module")
def browser(sallyport):
    return Browser(sallyport, ADDRESS)


@pytest.fixture(scope="module")
def person(sallyport):
    return sallyport.new_user("acme", "grants")


@pytest.fixture(scope="module")
def web(sallyport):
    """Trusted, so that nobody need be asked again and again."""
    return sallyport.new_client(
        "acme", OFFLINE + " profile email customers:delete", "--redirect-uri", CALLBACK, "--first-party", grants=("authorization_code", "refresh_token"))


def keys(sallyport, tenant: str) -> dict:
    return sallyport.http.get(f"{sallyport.issuer(tenant)}/oauth2/jwks").json()


def verified(sallyport, token: str, tenant: str, audience: str) -> dict:
    """Claims of a token, as PyJWT sees them."""
    document = sallyport.http.get(sallyport.issuer(tenant) + "/.well-known/openid-configuration").json()
    key = jwt.PyJWKSet.from_dict(keys(sallyport, tenant))[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token, key, algorithms=document["id_token_signing_alg_values_supported"], audience=audience, issuer=document["issuer"],
        options={"require": ["iss", "sub", "aud", "exp", "iat"]})


def introspected(sallyport, token: str, tenant: str = "acme", auth="resource-server") -> dict:
    auth = sallyport.credentials(tenant, auth) if isinstance(auth, str) else auth
    response = sallyport.http.post(sallyport.issuer(tenant) + "/oauth2/introspect", data={"token": token}, auth=auth)
    assert response.status_code == 200, response.text
    return response.json()


def revoke(sallyport, token: str, client, tenant: str = "acme", **more):
    return sallyport.http.post(sallyport.issuer(tenant) + "/oauth2/revoke", data={"token": token} | more, auth=client)


def refreshed(sallyport, client, token: str, **more):
    return sallyport.ask_token("acme", client, grant_type="refresh_token", refresh_token=token, **more)


def keep(sallyport, token: dict) -> dict:
    sallyport.secrets |= {token[name] for name in ("access_token", "refresh_token", "id_token") if name in token}
    return token


# Client credentials

@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_client_credentials_by_requests_oauthlib(sallyport, tenant):
    client_id, secret = sallyport.credentials(tenant)
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=["customers:read"]))
    session.trust_env = False
    token = keep(sallyport, session.fetch_token(sallyport.issuer(tenant) + "/oauth2/token", client_id=client_id, client_secret=secret))
    assert "refresh_token" not in token and "id_token" not in token
    claims = verified(sallyport, token["access_token"], tenant, sallyport.api_url)
    assert claims["sub"] == claims["client_id"] == client_id and claims["tenant"] == tenant
    rows = session.get(sallyport.api_url + "/customers").json()
    assert rows == sallyport.rows("customers", sallyport.token(tenant, "customers:read")) != []


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_client_credentials_by_authlib(sallyport, method):
    client = sallyport.new_client("acme", "customers:read", "--auth-method", method)
    with AuthlibSession(*client, token_endpoint_auth_method=method) as session:
        session.trust_env = False
        token = keep(sallyport, session.fetch_token(sallyport.issuer("acme") + "/oauth2/token", grant_type="client_credentials"))
    assert token["scope"] == "customers:read" and sallyport.rows("customers", token["access_token"])


# Password

def test_password_by_requests_oauthlib(sallyport):
    client_id, secret = sallyport.credentials("acme", "legacy")
    user = sallyport.user("manager")
    session = OAuth2Session(client=LegacyApplicationClient(client_id, scope=["openid", "email", "customers:read", "offline_access"]))
    session.trust_env = False
    token = keep(sallyport, session.fetch_token(
        sallyport.issuer("acme") + "/oauth2/token", username=user["username"], password=user["password"], auth=(client_id, secret)))
    claims = verified(sallyport, token["access_token"], "acme", sallyport.api_url)
    identity = verified(sallyport, token["id_token"], "acme", client_id)
    assert claims["roles"] == ["manager"] and claims["sub"] == identity["sub"] and claims["client_id"] == client_id
    assert identity["email"] == user["username"] and identity["amr"] == ["pwd"] and "sid" not in identity
    assert session.get(sallyport.api_url + "/customers?limit=1").status_code == 200
    again = keep(sallyport, session.refresh_token(sallyport.issuer("acme") + "/oauth2/token", auth=(client_id, secret)))
    assert again["refresh_token"] != token["refresh_token"] and again["access_token"] != token["access_token"]


def test_scopes_are_bounded_by_the_persons_role(sallyport):
    scope = {}
    for role in ("readonly", "owner"):
        user = sallyport.user(role)
        answer = sallyport.ask_token("acme", "legacy", grant_type="password", username=user["username"], password=user["password"]).json()
        scope[role] = set(answer["scope"].split())
    assert "customers:read" in scope["readonly"] and not {"customers:write", "customers:delete"} & scope["readonly"]
    assert {"customers:read", "customers:write", "customers:delete"} <= scope["owner"]


@pytest.mark.parametrize("change, error", [
    ({"password": "wrong"}, "invalid_grant"), ({"username": "nobody@acme.example"}, "invalid_grant"), ({"username": "owner@globex.example"}, "invalid_grant"),
    ({"password": None}, "invalid_request"), ({"username": None}, "invalid_request"), ({"auth": "service"}, "unauthorized_client"),
    ({"auth": "web"}, "unauthorized_client"),
])
def test_password_refused(sallyport, change, error):
    user = sallyport.user("user")
    request = {"auth": "legacy", "username": user["username"], "password": user["password"]} | change
    response = sallyport.ask_token("acme", grant_type="password", **request)
    assert response.status_code == 400 and response.json()["error"] == error
    if error == "invalid_grant":
        assert response.json()["error_description"] == "the user name or the password is wrong", "the same for every cause"


def test_public_clients_have_no_password_grant(sallyport):
    done = sallyport.stack.run(
        "auth-server", "client", "create", "--tenant", "acme", "--name", "x", "--grant", "password", "--auth-method", "none", "--scope", "customers:read", check=False)
    assert done.returncode == 1 and "password" in done.stderr


# Authorization code

def test_authorization_code_by_authlib(sallyport, browser, web, person):
    """Authlib makes the request and the token request; the browser is what the person sees."""
    verifier = "a" * 20 + "B" * 40
    with AuthlibSession(*web, scope=OFFLINE, redirect_uri=CALLBACK, code_challenge_method="S256") as session:
        session.trust_env = False
        url, state = session.create_authorization_url(sallyport.issuer("acme") + "/oauth2/authorize", code_verifier=verifier, nonce="n-1")
        page = browser.open(url)
        page = browser.sign_in(page, person) if page.outside is None else page
        assert page.answer["state"] == state and page.answer["iss"] == sallyport.issuer("acme")
        token = keep(sallyport, session.fetch_token(
            sallyport.issuer("acme") + "/oauth2/token", authorization_response=page.outside, code_verifier=verifier))
        identity = verified(sallyport, token["id_token"], "acme", web[0])
        assert identity["nonce"] == "n-1" and identity["azp"] == web[0] and identity["sub"] == person["id"]
        userinfo = session.get(sallyport.issuer("acme") + "/oauth2/userinfo").json()
        assert userinfo == {"sub": identity["sub"]}, "neither profile nor email was asked for"
        again = session.refresh_token(sallyport.issuer("acme") + "/oauth2/token")
        assert keep(sallyport, again)["refresh_token"] != token["refresh_token"]
        answer = session.introspect_token(sallyport.issuer("acme") + "/oauth2/introspect", token=again["access_token"])
        assert answer.json()["active"] is True
        assert session.revoke_token(sallyport.issuer("acme") + "/oauth2/revoke", token=again["refresh_token"]).status_code == 200
        assert session.introspect_token(sallyport.issuer("acme") + "/oauth2/introspect", token=again["access_token"]).json() == {"active": False}


def test_authorization_code_by_requests_oauthlib_for_a_public_client(sallyport):
    client_id, _ = sallyport.credentials("globex", "spa")
    user = sallyport.user("user", "globex")
    session = OAuth2Session(client_id, scope=["openid", "email", "customers:read"], redirect_uri=CALLBACK, pkce="S256")
    session.trust_env = False
    url, _ = session.authorization_url(sallyport.issuer("globex") + "/oauth2/authorize")
    browser = Browser(sallyport, ADDRESS)
    page = browser.sign_in(browser.open(url), user)
    assert page.title == "Allow access?"
    page = browser.submit(page, "allow")
    token = keep(sallyport, session.fetch_token(
        sallyport.issuer("globex") + "/oauth2/token", authorization_response=page.outside, include_client_id=True))
    identity = verified(sallyport, token["id_token"], "globex", client_id)
    assert identity["email"] == user["username"] and identity["tenant"] == "globex"
    half = hashlib.sha256(token["access_token"].encode()).digest()[:16]
    assert identity["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert session.get(sallyport.api_url + "/customers").json() == sallyport.rows("customers", sallyport.token("globex", "customers:read"))
    assert session.get(sallyport.issuer("globex") + "/oauth2/userinfo").json()["email_verified"] is True


def test_id_token_and_userinfo_claims(sallyport, browser, web, person):
    started = int(time.time())
    wanted = {"id_token": {"email": None, "auth_time": {"essential": True}}, "userinfo": {"name": None}}
    request = Request(sallyport, "acme", web, "openid customers:read", more={"claims": json.dumps(wanted)})
    token = request.tokens(browser, person)
    identity = verified(sallyport, token["id_token"], "acme", web[0])
    assert identity["email"] == person["username"] and "name" not in identity
    assert started - 600 <= identity["auth_time"] <= identity["iat"] <= identity["exp"]
    assert identity["acr"] == "1" and identity["sid"] == segments(token["access_token"])[1]["sid"]
    for method in ("GET", "POST"):
        response = sallyport.http.request(
            method, sallyport.issuer("acme") + "/oauth2/userinfo", headers={"Authorization": f"Bearer {token['access_token']}"})
        assert response.json() == {"sub": identity["sub"], "name": "Grants"}
    posted = sallyport.http.post(sallyport.issuer("acme") + "/oauth2/userinfo", data={"access_token": token["access_token"]})
    assert posted.json()["sub"] == identity["sub"]
    assert sallyport.http.get(sallyport.issuer("acme") + "/oauth2/userinfo", params={"access_token": "x"}).status_code == 401
    assert sallyport.http.get(
        sallyport.issuer("acme") + "/oauth2/userinfo", headers={"Authorization": f"Bearer {sallyport.token('acme')}"}).status_code == 403
    assert sallyport.http.get(
        sallyport.issuer("globex") + "/oauth2/userinfo", headers={"Authorization": f"Bearer {token['access_token']}"}).status_code == 401


def test_signed_userinfo_and_pairwise_subjects(sallyport, browser, person):
    pair = []
    for sector in ("one.example", "two.example"):
        client = sallyport.new_client(
            "acme", "openid email", "--redirect-uri", CALLBACK, "--first-party", "--subject-type", "pairwise", "--sector-identifier", sector,
            "--userinfo-signed-response-alg", "ES256", grants=("authorization_code",))
        token = Request(sallyport, "acme", client, "openid email").tokens(browser, person)
        response = sallyport.http.get(sallyport.issuer("acme") + "/oauth2/userinfo", headers={"Authorization": f"Bearer {token['access_token']}"})
        assert response.headers["Content-Type"] == "application/jwt"
        decoded = joserfc_jwt.decode(response.text, KeySet.import_key_set(keys(sallyport, "acme")), algorithms=["ES256"]).claims
        assert decoded["aud"] == client[0] and decoded["iss"] == sallyport.issuer("acme") and decoded["email"] == person["username"]
        assert decoded["sub"] == verified(sallyport, token["id_token"], "acme", client[0])["sub"]
        pair.append(decoded["sub"])
    assert len({*pair, person["id"]}) == 3


# Refresh

def test_rotation_retry_and_reuse(sallyport, browser, web, person):
    first = Request(sallyport, "acme", web, OFFLINE).tokens(browser, person)
    second = refreshed(sallyport, web, first["refresh_token"]).json()
    retried = refreshed(sallyport, web, first["refresh_token"]).json()
    assert retried["refresh_token"] == second["refresh_token"] != first["refresh_token"], "an honest retry gets the same successor"
    third = refreshed(sallyport, web, second["refresh_token"]).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert introspected(sallyport, third["access_token"])["active"] is True
    reused = refreshed(sallyport, web, first["refresh_token"])
    assert reused.status_code == 400 and reused.json()["error"] == "invalid_grant"
    assert refreshed(sallyport, web, third["refresh_token"]).json()["error"] == "invalid_grant", "the whole family is dead"
    for token in (first, second, third):
        assert eventually(lambda token=token: introspected(sallyport, token["access_token"]) == {"active": False}, 3)


def test_narrowing_for_one_token_and_never_widening(sallyport, browser, web, person):
    first = Request(sallyport, "acme", web, "openid customers:read customers:write").tokens(browser, person)
    narrow = refreshed(sallyport, web, first["refresh_token"], scope="customers:read").json()
    assert narrow["scope"] == "customers:read" and "id_token" not in narrow
    assert sallyport.api("POST", "customers", narrow["access_token"], json={"name": "x"}).status_code == 403
    whole = refreshed(sallyport, web, narrow["refresh_token"]).json()
    assert set(whole["scope"].split()) == {"openid", "customers:read", "customers:write"}
    wide = refreshed(sallyport, web, whole["refresh_token"], scope="customers:read customers:delete")
    assert wide.status_code == 400 and wide.json()["error"] == "invalid_scope"
    assert refreshed(sallyport, web, whole["refresh_token"]).status_code == 200, "asking for too much spends nothing"


def test_a_role_that_shrinks_ends_what_was_granted(sallyport):
    user = sallyport.new_user("acme", "shrinking", role="manager")
    client = sallyport.new_client("acme", OFFLINE + " customers:delete", "--redirect-uri", CALLBACK, "--first-party", grants=("authorization_code", "refresh_token"))
    token = Request(sallyport, "acme", client, "openid customers:read customers:write").tokens(Browser(sallyport, ADDRESS), user)
    sallyport.cli("user", "update", "--tenant", "acme", user["username"], "--role", "readonly")
    eventually(lambda: introspected(sallyport, token["access_token"]) == {"active": False}, 3, "the token's end")
    assert refreshed(sallyport, client, token["refresh_token"]).json()["error"] == "invalid_grant"


# Revocation and introspection

def test_revoking_a_refresh_token_ends_its_access_tokens(sallyport, browser, web, person):
    token = Request(sallyport, "acme", web, OFFLINE).tokens(browser, person)
    other = sallyport.credentials("acme", "legacy")
    assert revoke(sallyport, token["refresh_token"], other).json()["error"] == "invalid_request", "another client's"
    assert introspected(sallyport, token["refresh_token"])["active"] is True
    assert revoke(sallyport, token["refresh_token"], web, token_type_hint="access_token").status_code == 200
    assert introspected(sallyport, token["refresh_token"]) == introspected(sallyport, token["access_token"]) == {"active": False}
    assert refreshed(sallyport, web, token["refresh_token"]).json()["error"] == "invalid_grant"
    userinfo = sallyport.http.get(sallyport.issuer("acme") + "/oauth2/userinfo", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert userinfo.status_code == 401
    assert revoke(sallyport, token["refresh_token"], web).status_code == 200, "what is dead already is as the client wants it"
    assert revoke(sallyport, "unknown", web).status_code == 200


def test_revoking_an_access_token_leaves_the_grant(sallyport, browser, web, person):
    token = Request(sallyport, "acme", web, OFFLINE).tokens(browser, person)
    assert revoke(sallyport, token["access_token"], web).status_code == 200
    assert introspected(sallyport, token["access_token"]) == {"active": False}
    assert refreshed(sallyport, web, token["refresh_token"]).status_code == 200


def test_introspection_tells_what_the_token_says(sallyport, browser, web, person):
    token = Request(sallyport, "acme", web, OFFLINE).tokens(browser, person)
    answer = introspected(sallyport, token["access_token"])
    claims = verified(sallyport, token["access_token"], "acme", sallyport.api_url)
    for name in ("iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "tenant", "sid", "grant_id"):
        assert answer[name] == claims[name], name
    assert answer["token_type"] == "Bearer"
    # A client sees its own tokens, a resource server those of its tenant, and nobody those of another.
    assert introspected(sallyport, token["access_token"], auth=web)["active"] is True
    assert introspected(sallyport, token["access_token"], auth="service") == {"active": False}
    assert introspected(sallyport, token["access_token"], "globex") == {"active": False}
    assert introspected(sallyport, token["refresh_token"], "globex") == {"active": False}
    assert introspected(sallyport, token["access_token"][:-4] + "AAAA") == {"active": False}
    for auth in (None, ("acme-resource-server", "wrong")):
        response = sallyport.http.post(sallyport.issuer("acme") + "/oauth2/introspect", data={"token": token["access_token"]}, auth=auth)
        assert response.status_code == 401 and response.json()["error"] == "invalid_client"


def test_introspection_as_a_jwt(sallyport):
    token = sallyport.token("acme", "customers:read")
    for presented, active in ((token, True), ("rubbish", False)):
        response = sallyport.http.post(
            sallyport.issuer("acme") + "/oauth2/introspect", data={"token": presented}, auth=sallyport.credentials("acme", "resource-server"),
            headers={"Accept": "application/token-introspection+jwt"})
        assert response.headers["Content-Type"] == "application/token-introspection+jwt"
        answer = joserfc_jwt.decode(response.text, KeySet.import_key_set(keys(sallyport, "acme")), algorithms=["ES256"])
        assert answer.header["typ"] == "token-introspection+jwt"
        assert answer.claims["iss"] == sallyport.issuer("acme") and answer.claims["aud"] == sallyport.credentials("acme", "resource-server")[0]
        assert answer.claims["token_introspection"]["active"] is active
        assert not {"sub", "exp", "scope"} & answer.claims.keys(), "it must not pass for an access token (RFC 9701 §8.1)"
    with pytest.raises(jwt.InvalidTokenError):
        verified(sallyport, response.text, "acme", sallyport.api_url)


# Clients that sign

ALGORITHMS = {"ES256": (ECKey, lambda: ec.generate_private_key(ec.SECP256R1())), "PS256": (RSAKey, lambda: rsa.generate_private_key(65537, 2048))}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_private_key_jwt_by_authlib(sallyport, tmp_path, algorithm):
    kind, generate = ALGORITHMS[algorithm]
    key = generate()
    public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True) | {"kid": "one", "alg": algorithm, "use": "sig"}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public]}))
    client_id, secret = sallyport.new_client("acme", "customers:read", "--auth-method", "private_key_jwt", "--jwks-file", str(file))
    assert secret is None
    private = kind.import_key(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    endpoint = sallyport.issuer("acme") + "/oauth2/token"
    with AuthlibSession(client_id, private, token_endpoint_auth_method="private_key_jwt") as session:
        session.trust_env = False
        session.register_client_auth_method(PrivateKeyJWT(endpoint, alg=algorithm, headers={"kid": "one"}))
        tokens = [keep(sallyport, session.fetch_token(endpoint, grant_type="client_credentials"))["access_token"] for _ in range(2)]
    assert tokens[0] != tokens[1] and sallyport.rows("customers", tokens[1])


def test_client_secret_jwt_by_authlib(sallyport):
    client = sallyport.new_client("globex", "customers:read", "--auth-method", "client_secret_jwt")
    endpoint = sallyport.issuer("globex") + "/oauth2/token"
    with AuthlibSession(*client, token_endpoint_auth_method="client_secret_jwt") as session:
        session.trust_env = False
        session.register_client_auth_method(ClientSecretJWT(endpoint))
        token = keep(sallyport, session.fetch_token(endpoint, grant_type="client_credentials"))
    assert verified(sallyport, token["access_token"], "globex", sallyport.api_url)["client_id"] == client[0]
    assert sallyport.ask_token("globex", client).status_code == 401, "the secret itself is no longer shown to anybody"


def test_an_error_is_read_by_requests_oauthlib(sallyport):
    client_id, _ = sallyport.credentials("acme")
    session = OAuth2Session(client=BackendApplicationClient(client_id))
    session.trust_env = False
    with pytest.raises(OAuth2Error, match="invalid_client"):
        session.fetch_token(sallyport.issuer("acme") + "/oauth2/token", client_id=client_id, client_secret="wrong")

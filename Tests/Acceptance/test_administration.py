"""What an operator does with the command line, and that the running services see it at once."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support import eventually, segments

AT_ONCE = 3


def key_set(sallyport, tenant: str) -> dict:
    """As the authorization server has it at this moment; the gateway may hold it for some minutes."""
    port = sallyport.stack.settings.ports["auth-server"]
    return sallyport.http.get(f"http://127.0.0.1:{port}/t/{tenant}/oauth2/jwks").json()


def kids(sallyport, tenant: str) -> set[str]:
    return {key["kid"] for key in key_set(sallyport, tenant)["keys"]}


def states(sallyport, tenant: str) -> dict[str, str]:
    return {key["kid"]: key["state"] for key in sallyport.cli("key", "list", "--tenant", tenant)["keys"]}


def signing_kid(sallyport, tenant: str, client) -> str:
    return segments(sallyport.ask_token(tenant, client).json()["access_token"])[0]["kid"]


def test_rotation_signs_with_a_key_that_was_already_published(sallyport):
    sallyport.new_tenant("rotating")
    client = sallyport.new_client("rotating", "customers:read")
    old = sallyport.ask_token("rotating", client).json()["access_token"]
    before = states(sallyport, "rotating")
    assert sorted(before.values()) == ["active", "next"]
    active, following = (next(kid for kid, state in before.items() if state == wanted) for wanted in ("active", "next"))
    assert segments(old)[0]["kid"] == active
    published = kids(sallyport, "rotating")
    assert {active, following} <= published

    answer = sallyport.cli("key", "rotate", "--tenant", "rotating")
    assert answer["active"] == following
    eventually(lambda: signing_kid(sallyport, "rotating", client) == following, AT_ONCE, "signing with the new key")

    after = states(sallyport, "rotating")
    assert after[active] == "retiring" and after[following] == "active" and after[answer["next"]] == "next"
    assert eventually(lambda: {active, following, answer["next"]} <= kids(sallyport, "rotating"), AT_ONCE)
    assert sallyport.rows("customers", old) == []
    assert sallyport.rows("customers", sallyport.ask_token("rotating", client).json()["access_token"]) == []
    key = jwt.PyJWKSet.from_dict(key_set(sallyport, "rotating"))[active]
    assert jwt.decode(old, key, algorithms=["ES256"], audience=sallyport.api_url)["tenant"] == "rotating"


def test_rotating_twice_in_a_row_keeps_all_tokens_valid(sallyport):
    sallyport.new_tenant("spinning")
    client = sallyport.new_client("spinning", "customers:read")
    tokens = []
    for _ in range(3):
        tokens.append(sallyport.ask_token("spinning", client).json()["access_token"])
        following = sallyport.cli("key", "rotate", "--tenant", "spinning")["active"]
        eventually(lambda: signing_kid(sallyport, "spinning", client) == following, AT_ONCE)
    assert len({segments(token)[0]["kid"] for token in tokens}) == 3
    for token in tokens:
        assert sallyport.rows("customers", token) == []


def pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


IMPORTS = {
    "p256.pem": lambda: (pem(ec.generate_private_key(ec.SECP256R1())), "ES256"),
    "sec1.pem": lambda: (ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()), "ES384"),
    "pkcs1.pem": lambda: (rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()), "RS256"),
    "ed25519.pem": lambda: (pem(ed25519.Ed25519PrivateKey.generate()), "EdDSA"),
    "p256.jwk": lambda: (json.dumps(jwt.get_algorithm_by_name("ES256").to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
                                    | {"kid": "from-elsewhere", "alg": "ES256"}).encode(), "ES256"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_key_of_another_server_signs_after_import(sallyport, tmp_path, name):
    content, algorithm = IMPORTS[name]()
    slug = "moved-" + name.replace(".", "-")
    sallyport.new_tenant(slug)
    client = sallyport.new_client(slug, "customers:read")
    file = tmp_path / name
    file.write_bytes(content)
    imported = sallyport.cli("key", "import", "--tenant", slug, str(file), "--activate")
    assert imported["alg"] == algorithm
    if name.endswith(".jwk"):
        assert imported["kid"] == "from-elsewhere"
    eventually(lambda: signing_kid(sallyport, slug, client) == imported["kid"], AT_ONCE, "signing with the imported key")
    token = sallyport.ask_token(slug, client).json()["access_token"]
    assert segments(token)[0]["alg"] == algorithm
    assert sallyport.rows("customers", token) == []


def test_keys_that_cannot_be_imported(sallyport, tmp_path):
    files = {
        "encrypted": ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")),
        "public": ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "weak": pem(rsa.generate_private_key(65537, 1024)),
        "curve": pem(ec.generate_private_key(ec.SECP521R1())),
        "empty": b"", "text": b"not a key", "json": b"{}", "binary": bytes(range(256)),
    }
    before = states(sallyport, "globex")
    for name, content in files.items():
        file = tmp_path / name
        file.write_bytes(content)
        done = sallyport.stack.run("auth-server", "key", "import", "--tenant", "globex", str(file), check=False)
        assert done.returncode == 1, name
        assert str(file) in done.stderr, (name, done.stderr)
    done = sallyport.stack.run("auth-server", "key", "import", "--tenant", "globex", str(tmp_path / "missing"), check=False)
    assert done.returncode == 1
    assert states(sallyport, "globex") == before


def test_private_keys_are_sealed_at_rest(sallyport):
    stored = sallyport.sql("SELECT encode(sealed_private_key, 'escape') || public_jwk FROM auth.signing_key WHERE sealed_private_key IS NOT NULL")
    assert '"d"' not in stored and "PRIVATE" not in stored


def test_a_disabled_client_gets_no_token_any_more(sallyport):
    client = sallyport.new_client("acme", "customers:read")
    assert sallyport.ask_token("acme", client).status_code == 200
    assert sallyport.cli("client", "disable", "--tenant", "acme", client[0]) == {"client_id": client[0], "disabled": True}
    eventually(lambda: sallyport.ask_token("acme", client).status_code == 401, AT_ONCE, "the client's end")
    listed = {each["client_id"]: each for each in sallyport.cli("client", "list", "--tenant", "acme")["clients"]}
    assert listed[client[0]]["disabled"] is True
    sallyport.cli("client", "enable", "--tenant", "acme", client[0])
    eventually(lambda: sallyport.ask_token("acme", client).status_code == 200, AT_ONCE, "the client's return")


def test_a_disabled_tenant_gets_no_token_any_more(sallyport):
    sallyport.new_tenant("leaving")
    client = sallyport.new_client("leaving")
    assert sallyport.ask_token("leaving", client).status_code == 200
    sallyport.cli("tenant", "disable", "leaving")
    eventually(lambda: sallyport.ask_token("leaving", client).status_code != 200, AT_ONCE, "the tenant's end")
    assert {t["tenant"]: t["disabled"] for t in sallyport.cli("tenant", "list")["tenants"]}["leaving"] is True
    assert sallyport.ask_token("acme").status_code == 200


def test_two_secrets_are_valid_while_a_client_changes_over(sallyport):
    client_id, first = sallyport.new_client("acme", "customers:read")
    second = sallyport.cli("client", "rotate-secret", "--tenant", "acme", client_id)["client_secret"]
    eventually(lambda: sallyport.ask_token("acme", (client_id, second)).status_code == 200, AT_ONCE, "the new secret")
    assert sallyport.ask_token("acme", (client_id, first)).status_code == 200
    third = sallyport.cli("client", "rotate-secret", "--tenant", "acme", client_id, "--overlap", "0")["client_secret"]
    eventually(lambda: sallyport.ask_token("acme", (client_id, second)).status_code == 401, AT_ONCE, "the old secret's end")
    assert sallyport.ask_token("acme", (client_id, third)).status_code == 200


def test_settings_of_a_client_take_effect(sallyport):
    client = sallyport.new_client("acme", "customers:read orders:read", "--access-token-lifetime", "120")
    body = sallyport.ask_token("acme", client).json()
    assert body["expires_in"] == 120
    _, claims, _ = segments(body["access_token"])
    assert claims["exp"] - claims["iat"] == 120
    sallyport.cli("client", "update", "--tenant", "acme", client[0], "--scope", "orders:read", "--access-token-lifetime", "600")
    eventually(lambda: sallyport.ask_token("acme", client).json()["scope"] == "orders:read", AT_ONCE, "the new scope")
    assert sallyport.ask_token("acme", client).json()["expires_in"] == 600


def test_a_role_bounds_the_clients_scopes(sallyport):
    client = sallyport.new_client("acme", "customers:read customers:write customers:delete", "--role", "readonly")
    assert sallyport.ask_token("acme", client).json()["scope"] == "customers:read"


@pytest.mark.parametrize("arguments", [
    ("tenant", "create", "acme", "--name", "again"), ("tenant", "create", "Not A Slug", "--name", "x"), ("tenant", "disable", "nobody"),
    ("client", "create", "--tenant", "nobody", "--name", "x", "--grant", "client_credentials"),
    ("client", "create", "--tenant", "acme", "--name", "x", "--grant", "magic"),
    ("client", "create", "--tenant", "acme", "--name", "x", "--grant", "client_credentials", "--client-id", "globex-service"),
    ("client", "create", "--tenant", "acme", "--name", "x", "--grant", "client_credentials", "--auth-method", "none"),
    ("client", "create", "--tenant", "acme", "--name", "x", "--grant", "client_credentials", "--scope", "café"),
    ("client", "disable", "--tenant", "acme", "nobody"), ("client", "disable", "--tenant", "acme", "globex-service"),
    ("key", "rotate", "--tenant", "nobody"), ("key", "rotate", "--tenant", "acme", "--algorithm", "HS256"),
    ("client", "list"), ("no-such-verb",),
])
def test_what_cannot_be_done_is_said_in_one_message(sallyport, arguments):
    done = sallyport.stack.run("auth-server", *arguments, check=False)
    assert done.returncode > 0, "an error, not a trap"
    assert done.stderr.strip() and "Fatal" not in done.stderr and ".swift" not in done.stderr
    for inside in ("INSERT", "duplicate key", "sallyport_auth"):
        assert inside not in done.stderr, done.stderr


def test_migrating_again_changes_nothing(sallyport):
    statement = "SELECT md5(string_agg(c.relname || c.relkind::text, ',' ORDER BY c.oid)) FROM pg_class c"
    before = sallyport.sql(statement)
    assert sallyport.stack.run("auth-server", "migrate").returncode == 0
    assert sallyport.sql(statement) == before

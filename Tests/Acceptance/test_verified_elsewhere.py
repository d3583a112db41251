"""Tokens verified by other implementations (PyJWT, joserfc) against the published key set."""

import time

import jwt
import pytest
from joserfc import jwt as jose
from joserfc.jwk import KeySet
from support import segments


@pytest.fixture(scope="module", params=["acme", "globex"])
def issued(request, sallyport):
    tenant = request.param
    return tenant, sallyport.token(tenant, "customers:read orders:read"), sallyport.http.get(sallyport.issuer(tenant) + "/oauth2/jwks").json()


def test_pyjwt(sallyport, issued):
    tenant, token, _ = issued
    key = jwt.PyJWKClient(sallyport.issuer(tenant) + "/oauth2/jwks").get_signing_key_from_jwt(token)
    claims = jwt.decode(
        token, key, algorithms=["ES256"], audience=sallyport.api_url, issuer=sallyport.issuer(tenant),
        options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]})
    assert claims["scope"] == "customers:read orders:read"


def test_joserfc(sallyport, issued):
    tenant, token, keys = issued
    decoded = jose.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    jose.JWTClaimsRegistry(
        iss={"essential": True, "value": sallyport.issuer(tenant)}, aud={"essential": True, "value": sallyport.api_url}, exp={"essential": True},
    ).validate(decoded.claims)


def test_a_changed_token_is_refused_by_both(issued):
    _, token, keys = issued
    header, payload, signature = token.split(".")
    changed = f"{header}.{payload[:-2]}{'A' if payload[-2] != 'A' else 'B'}{payload[-1]}.{signature}"
    with pytest.raises(Exception, match="(?i)signature"):
        jose.decode(changed, KeySet.import_key_set(keys), algorithms=["ES256"])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(changed, jwt.PyJWKSet.from_dict(keys).keys[0], algorithms=["ES256"], audience="x", options={"verify_exp": False})


def test_claims_of_rfc_9068(sallyport, issued):
    tenant, token, _ = issued
    header, claims, _ = segments(token)
    assert header.keys() == {"alg", "typ", "kid"}
    assert claims["iss"] == sallyport.issuer(tenant)
    assert claims["aud"] in (sallyport.api_url, [sallyport.api_url])
    assert claims["client_id"] == claims["sub"] == sallyport.credentials(tenant)[0]
    assert claims["tenant"] == tenant
    assert claims["org_id"] == sallyport.sql(f"SELECT id FROM auth.tenant WHERE slug = '{tenant}'")
    assert abs(claims["iat"] - time.time()) < 300
    assert claims["exp"] - claims["iat"] == 3600
    assert len(claims["jti"]) >= 16


def test_tokens_have_different_ids(sallyport):
    ids = {segments(sallyport.ask_token("acme").json()["access_token"])[1]["jti"] for _ in range(5)}
    assert len(ids) == 5


def test_key_sets_hold_public_keys_of_one_tenant(sallyport):
    sets = [sallyport.http.get(sallyport.issuer(tenant) + "/oauth2/jwks") for tenant in ("acme", "globex")]
    for answer in sets:
        assert answer.status_code == 200
        assert "max-age" in answer.headers["Cache-Control"]
        for key in answer.json()["keys"]:
            assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
            assert key["use"] == "sig" and key["alg"] and key["kid"]
    names = [{key["kid"] for key in answer.json()["keys"]} for answer in sets]
    assert names[0] and names[1] and not names[0] & names[1]


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384", "ES384", "EdDSA"])
def test_a_tenant_signs_with_the_algorithm_it_was_given(sallyport, algorithm):
    slug = f"signs-{algorithm.lower()}"
    sallyport.cli("tenant", "create", slug, "--name", slug, "--signing-algorithm", algorithm)
    token = sallyport.token(slug, None, sallyport.new_client(slug, "customers:read"))
    assert segments(token)[0]["alg"] == algorithm
    key = jwt.PyJWKClient(sallyport.issuer(slug) + "/oauth2/jwks").get_signing_key_from_jwt(token)
    assert jwt.decode(token, key, algorithms=[algorithm], audience=sallyport.api_url)["tenant"] == slug
    assert sallyport.rows("customers", token) == []

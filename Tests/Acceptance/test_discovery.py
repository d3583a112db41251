"""Metadata in every place where clients look for it, and nothing in it that does not work."""

import pytest

FORMS = [
    "/.well-known/oauth-authorization-server/t/{tenant}",
    "/.well-known/openid-configuration/t/{tenant}",
    "/t/{tenant}/.well-known/oauth-authorization-server",
    "/t/{tenant}/.well-known/openid-configuration",
]
ROOT_FORMS = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
ROOT_MEMBERS = {
    "issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint", "scopes_supported",
    "response_types_supported", "response_modes_supported", "grant_types_supported", "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported", "prompt_values_supported", "ui_locales_supported", "request_parameter_supported",
    "request_uri_parameter_supported", "protected_resources",
    *(f"{endpoint}_endpoint_auth_{what}_supported" for endpoint in ("token", "revocation", "introspection") for what in ("methods", "signing_alg_values")),
}
OPENID_MEMBERS = ROOT_MEMBERS | {
    "jwks_uri", "userinfo_endpoint", "end_session_endpoint", "subject_types_supported", "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported", "introspection_signing_alg_values_supported", "acr_values_supported", "claim_types_supported",
    "claims_parameter_supported", "claims_supported", "revocation_events_endpoint",
}
RESOURCE_FORMS = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/api/v1"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_every_form_names_the_tenants_own_issuer(sallyport, form, tenant):
    answer = sallyport.http.get(sallyport.base_url + form.format(tenant=tenant))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    document = answer.json()
    assert document["issuer"] == sallyport.issuer(tenant)
    assert document["token_endpoint"] == sallyport.issuer(tenant) + "/oauth2/token"
    assert document["jwks_uri"] == sallyport.issuer(tenant) + "/oauth2/jwks"
    assert "client_credentials" in document["grant_types_supported"]


@pytest.mark.parametrize("form", ROOT_FORMS)
def test_the_root_document(sallyport, form):
    document = sallyport.http.get(sallyport.base_url + form).json()
    assert document["issuer"] == sallyport.base_url
    assert document["token_endpoint"] == sallyport.base_url + "/oauth2/token"


@pytest.mark.parametrize("form", ROOT_FORMS)
def test_the_header_names_the_tenant_at_the_root_and_is_not_mixed_up_by_the_cache(sallyport, form):
    for tenant in ("acme", "globex", "acme"):
        answer = sallyport.http.get(sallyport.base_url + form, headers={"X-Tenant-ID": tenant})
        assert answer.json()["issuer"] == sallyport.issuer(tenant)
    assert sallyport.http.get(sallyport.base_url + form).json()["issuer"] == sallyport.base_url


def test_header_and_path_that_disagree_are_an_error(sallyport):
    answer = sallyport.http.get(sallyport.issuer("acme") + "/.well-known/openid-configuration", headers={"X-Tenant-ID": "globex"})
    assert answer.status_code == 400 and "error" in answer.json()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tenant", ["nobody", "ACME", "acme-", "%61cme%20"])
def test_an_unknown_tenant_has_no_document(sallyport, form, tenant):
    answer = sallyport.http.get(sallyport.base_url + form.format(tenant=tenant))
    assert answer.status_code == 404 and "error" in answer.json()


def document_of(sallyport, form: str) -> dict:
    return sallyport.http.get(sallyport.base_url + form.format(tenant="acme")).json()


@pytest.mark.parametrize("form", FORMS + ROOT_FORMS)
def test_what_is_advertised_works(sallyport, form):
    document = document_of(sallyport, form)
    assert set(document["grant_types_supported"]) == {"authorization_code", "client_credentials", "password", "refresh_token"}
    assert document["response_types_supported"] == ["code"] and document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    known = OPENID_MEMBERS if "/t/" in form else ROOT_MEMBERS
    assert document.keys() == known
    methods = {"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"}
    assert set(document["token_endpoint_auth_methods_supported"]) == methods | {"none"}
    assert set(document["introspection_endpoint_auth_methods_supported"]) == methods
    answer = sallyport.ask_token("acme", url=document["token_endpoint"])
    assert answer.status_code == 200


@pytest.mark.parametrize("form", [FORMS[0], ROOT_FORMS[0]])
def test_every_advertised_endpoint_is_there(sallyport, form):
    document = document_of(sallyport, form)
    endpoints = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(endpoints) > 3
    for name, url in endpoints.items():
        status = sallyport.http.get(url, headers={"Accept": "application/json"}, allow_redirects=False).status_code
        expected = {
            "jwks_uri": 200, "end_session_endpoint": 200, "userinfo_endpoint": 401, "revocation_events_endpoint": 401, "authorization_endpoint": 400,
        }
        assert status == expected.get(name, 405), name


@pytest.mark.parametrize("form", RESOURCE_FORMS)
def test_protected_resource_metadata(sallyport, form):
    document = sallyport.http.get(sallyport.base_url + form).json()
    assert document["resource"] == sallyport.api_url
    assert document["authorization_servers"]
    assert document["bearer_methods_supported"] == ["header"]


def test_protected_resource_metadata_leads_to_a_token(sallyport):
    """As a client does that knows the API's address only: challenge, metadata, discovery, token."""
    import re

    challenge = sallyport.api("GET", "customers").headers["WWW-Authenticate"]
    metadata = sallyport.http.get(re.search(r'resource_metadata="([^"]+)"', challenge)[1]).json()
    server = metadata["authorization_servers"][0]
    origin, path = server[: len(sallyport.base_url)], server[len(sallyport.base_url):]
    document = sallyport.http.get(f"{origin}/.well-known/oauth-authorization-server{path}").json()
    assert document["issuer"] == server
    token = sallyport.ask_token("acme", url=document["token_endpoint"]).json()["access_token"]
    assert sallyport.rows("customers?limit=1", token)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/t/acme/.well-known/openid-configuration", "/t/acme/oauth2/jwks", "/.well-known/oauth-protected-resource"])
def test_documents_are_read_only(sallyport, method, path):
    answer = sallyport.http.request(method, sallyport.base_url + path)
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/t/acme/.well-known/openid-configuration", "/t/acme/oauth2/jwks", "/.well-known/oauth-protected-resource"])
def test_documents_answer_head(sallyport, path):
    answer = sallyport.http.head(sallyport.base_url + path)
    assert answer.status_code == 200 and answer.content == b""

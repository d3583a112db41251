"""Metadata in every place where clients look for it, and nothing in it that does not work."""

import pytest

FORMS = [
    "/.well-known/oauth-authorization-server/t/{tenant}",
    "/.well-known/openid-configuration/t/{tenant}",
    "/t/{tenant}/.well-known/oauth-authorization-server",
    "/t/{tenant}/.well-known/openid-configuration",
]
ROOT_FORMS = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
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


@pytest.mark.parametrize("form", FORMS + ROOT_FORMS)
def test_what_is_advertised_works(sallyport, form):
    document = sallyport.http.get(sallyport.base_url + form.format(tenant="acme")).json()
    assert document["grant_types_supported"] == ["client_credentials"]
    known = {
        "issuer", "token_endpoint", "jwks_uri", "response_types_supported", "grant_types_supported", "token_endpoint_auth_methods_supported",
        "protected_resources", "scopes_supported", "subject_types_supported", "id_token_signing_alg_values_supported", "service_documentation",
    }
    assert document.keys() <= known
    assert set(document["token_endpoint_auth_methods_supported"]) == {"client_secret_basic", "client_secret_post"}
    answer = sallyport.ask_token("acme", url=document["token_endpoint"])
    assert answer.status_code == 200


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

"""The API's own description: valid by an independent reader, true, and shown by a page that needs nobody else."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

EVERYTHING = "*:*"


def document(sallyport, tenant="acme", scope=EVERYTHING) -> dict:
    answer = sallyport.api("GET", "", token=sallyport.token(tenant, scope=scope))
    assert answer.status_code == 200, answer.text
    return answer.json()


def scope_of(operation: dict) -> str:
    return operation["security"][0]["oauth2"][0]


@pytest.mark.parametrize("scope", [EVERYTHING, "customers:read", "orders:write", "customers:delete orders:*"])
def test_the_document_is_valid_for_every_token(sallyport, scope):
    described = document(sallyport, scope=scope)
    OpenAPIV31SpecValidator(described).validate()
    assert "tenant_id" not in str(described)


def test_every_table_in_it_answers_and_its_rows_have_the_columns_told(sallyport):
    described = document(sallyport)
    token = sallyport.token("acme", scope=EVERYTHING)
    assert {"/customers", "/orders", "/order_items", "/currencies"} <= set(described["paths"])
    for path, item in described["paths"].items():
        if path.startswith("/rpc/") or "get" not in item:
            continue
        answer = sallyport.api("GET", path.removeprefix("/"), token=token, params={"limit": "1"})
        assert answer.status_code == 200, path
        reference = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]["$ref"]
        columns = described["components"]["schemas"][reference.rsplit("/", 1)[1]]["properties"]
        for row in answer.json():
            assert set(row) == set(columns), path


def test_what_is_left_out_is_refused_and_what_is_listed_is_not(sallyport):
    scope = "customers:read orders:write"
    described, token = document(sallyport, scope=scope), sallyport.token("acme", scope=scope)
    assert {path: sorted(item) for path, item in described["paths"].items()} == {"/customers": ["get"], "/orders": ["patch", "post", "put"]}
    assert {scope_of(operation) for item in described["paths"].values() for operation in item.values()} == {"customers:read", "orders:write"}
    assert sallyport.api("GET", "customers", token=token).status_code == 200
    assert sallyport.api("DELETE", "customers?id=is.null", token=token).status_code == 403
    assert sallyport.api("GET", "orders", token=token).status_code == 403
    assert sallyport.api("PATCH", "orders?id=is.null", token=token, json={"notes": "x"}).status_code in (200, 204)


def test_the_endpoints_in_it_are_the_tenants_own(sallyport):
    for tenant in ("acme", "globex"):
        flows = document(sallyport, tenant)["components"]["securitySchemes"]["oauth2"]["flows"]
        assert flows["clientCredentials"]["tokenUrl"] == sallyport.issuer(tenant) + "/oauth2/token"
        assert flows["authorizationCode"]["authorizationUrl"] == sallyport.issuer(tenant) + "/oauth2/authorize"


def test_nobody_gets_it_without_a_token(sallyport):
    answer = sallyport.http.get(sallyport.base_url + "/api/v1/")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_page_loads_nothing_from_elsewhere(sallyport):
    page = sallyport.http.get(sallyport.base_url + "/api/v1/docs")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    links = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert links and all(link.startswith("/api/v1/docs/") for link in links)
    for link in links:
        assert sallyport.http.get(sallyport.base_url + link).status_code == 200

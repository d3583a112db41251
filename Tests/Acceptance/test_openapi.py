"""The API's own description: valid by an independent reader, true, and shown by a page that needs nobody else."""

import re

import pytest
from chromium import Chromium
from openapi_spec_validator import OpenAPIV31SpecValidator
from support import eventually
from test_pages import Inspector

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
        if path.count("/") > 1 or "get" not in item:
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
    assert {path: sorted(item) for path, item in described["paths"].items()} == {
        "/customers": ["get"], "/customers/export": ["get"], "/orders": ["patch", "post", "put"], "/orders/import": ["post"], "/batch": ["post"],
    }
    assert {scope_of(item) for path in described["paths"] if path != "/batch" for item in described["paths"][path].values()} == set(scope.split())
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


@pytest.fixture(scope="module")
def inspector(sallyport):
    chromium = Chromium()
    yield Inspector(chromium, sallyport.stack.settings.directory / "screenshots")
    chromium.close()


def show(inspector, token: str) -> None:
    inspector.chromium.find("#token").send_keys(token)
    inspector.chromium.find("button").click()


def test_the_page_shows_the_document_of_the_token_pasted_and_keeps_no_token(sallyport, inspector):
    chromium = inspector.chromium
    chromium.open(sallyport.base_url + "/api/v1/docs")
    inspector.look("api documentation, empty", "API documentation")

    show(inspector, "no-token")
    eventually(lambda: chromium.find("#status").text not in ("", "Loading…"), what="a refusal")
    assert chromium.count("section") == 0

    token = sallyport.token("acme", scope="customers:read customers:write currencies:read")
    show(inspector, token)
    eventually(lambda: chromium.count("section") == 3, what="the document")
    for details in chromium.driver.find_elements("css selector", "details"):
        chromium.driver.execute_script("arguments[0].open = true", details)
    assert {"customers", "currencies", "batch"} == {heading.text for heading in chromium.driver.find_elements("css selector", "section h2")}
    assert "customers:write" in chromium.words and "Read orders" not in chromium.words and "order_items" not in chromium.words
    inspector.look("api documentation", "API of acme")
    assert inspector.problems == []

    kept = chromium.driver.execute_script(
        "return document.documentElement.outerHTML + document.getElementById('token').value + location.href + JSON.stringify(localStorage)"
        " + JSON.stringify(sessionStorage) + document.cookie + performance.getEntries().map(entry => entry.name).join()")
    assert token not in kept
    outside = chromium.driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert outside and all(url.startswith(sallyport.base_url + "/") for url in outside)
    # The refused token is told in the console, and nothing else.
    assert all("401" in complaint for complaint in map(str, chromium.complaints()))

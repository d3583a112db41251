"""The admin API through the gateway, and its OpenAPI document as other people's tools read it."""

import json

from openapi_spec_validator import OpenAPIV31SpecValidator
from support import eventually


def admin_token(sallyport, tenant: str) -> str:
    client = sallyport.new_client(tenant, "admin:*", "--role", "owner")
    return sallyport.ask_token(tenant, client).json()["access_token"]


def test_the_document_is_valid_and_every_collection_in_it_answers(sallyport):
    sallyport.new_tenant("documented")
    base = f"{sallyport.base_url}/t/documented/admin/v1"
    document = sallyport.http.get(f"{base}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    headers = {"Authorization": f"Bearer {admin_token(sallyport, 'documented')}"}
    for path, item in document["paths"].items():
        if "get" not in item or "{" in path:
            continue
        assert sallyport.http.get(f"{base}{path}").status_code == 401, path
        answer = sallyport.http.get(f"{base}{path}", headers=headers)
        assert answer.status_code == 200, path
        again = sallyport.http.get(f"{base}{path}", headers={**headers, "If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304, path


def test_a_revoked_token_is_dead(sallyport):
    sallyport.new_tenant("revoking")
    base = f"{sallyport.base_url}/t/revoking/admin/v1"
    headers = {"Authorization": f"Bearer {admin_token(sallyport, 'revoking')}"}
    victim = {"Authorization": f"Bearer {admin_token(sallyport, 'revoking')}"}
    assert sallyport.http.get(f"{base}/roles", headers=victim).status_code == 200
    token = victim["Authorization"].removeprefix("Bearer ")
    assert sallyport.http.post(f"{base}/revocations", headers=headers, json={"token": token}).status_code == 204
    eventually(lambda: sallyport.http.get(f"{base}/roles", headers=victim).status_code == 401, 3, "the token is dead")
    assert sallyport.http.get(f"{base}/roles", headers=headers).status_code == 200


def test_a_tenant_is_exported_applied_and_unchanged(sallyport, tmp_path):
    sallyport.new_tenant("coded")
    sallyport.new_client("coded", "customers:read")
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps(sallyport.cli("export", "--tenant", "coded")))
    assert sallyport.cli("apply", str(file), "--dry-run", "--prune")["steps"] == []
    assert sallyport.cli("audit", "verify", "--all")["intact"] is True

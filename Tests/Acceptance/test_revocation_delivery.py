"""Revocations for resource servers elsewhere, through the gateway: events, polls, and status lists read by an independent decoder."""

import base64
import json
import threading
import time
import zlib

import jwt
import pytest
from support import eventually, segments

TENANTS = ["told", "untold"]


@pytest.fixture(scope="module")
def clients(sallyport):
    """By tenant: a client, and a resource server."""
    for tenant in TENANTS:
        sallyport.new_tenant(tenant)
    sallyport.cli("tenant", "update", TENANTS[0], "--publishes-token-status")
    return {
        tenant: (sallyport.new_client(tenant, "customers:read"), sallyport.new_client(tenant, "customers:read", "--resource-server"))
        for tenant in TENANTS
    }


def revoke(sallyport, tenant, client, token):
    answer = sallyport.http.post(sallyport.issuer(tenant) + "/oauth2/revoke", data={"token": token}, auth=client, timeout=10)
    assert answer.status_code == 200


def test_an_event_arrives_at_once_and_past_the_gateways_buffers(sallyport, clients):
    client, server = clients["untold"]
    token = sallyport.ask_token("untold", client).json()["access_token"]
    identifier = segments(token)[1]["jti"]
    seen = {}

    def listen():
        with sallyport.http.get(
            sallyport.issuer("untold") + "/revocations", auth=server, headers={"Accept": "text/event-stream"}, stream=True, timeout=10
        ) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
                if line == "event: current":
                    seen["current"] = True
                if line.startswith("data:") and identifier in line:
                    seen["event"] = (time.monotonic(), json.loads(line[5:]))
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    eventually(lambda: "current" in seen, 10, "the stream to be current")
    revoke(sallyport, "untold", client, token)
    answered = time.monotonic()
    thread.join(10)
    moment, event = seen["event"]
    assert event["kind"] == "token" and event["target"] == identifier and event["expires_at"] > time.time()
    assert moment - answered < 1


def test_a_poll_goes_on_where_it_was_and_is_for_resource_servers_only(sallyport, clients):
    client, server = clients["untold"]
    url = sallyport.issuer("untold") + "/revocations"
    position = sallyport.http.get(url, auth=server, timeout=10).json()["position"]
    token = sallyport.ask_token("untold", client).json()["access_token"]
    revoke(sallyport, "untold", client, token)
    answer = sallyport.http.get(url, params={"after": position, "wait": 10}, auth=server, timeout=20).json()
    assert [entry["target"] for entry in answer["entries"]] == [segments(token)[1]["jti"]]
    other = sallyport.http.get(sallyport.issuer("told") + "/revocations", auth=clients["told"][1], timeout=10).json()
    assert segments(token)[1]["jti"] not in [entry["target"] for entry in other["entries"]]
    assert sallyport.http.get(url, auth=client, timeout=10).status_code == 403
    assert sallyport.http.get(url, auth=clients["told"][1], timeout=10).status_code == 401
    assert sallyport.http.get(url, timeout=10).status_code == 401


def bit(sallyport, tenant, token):
    """As draft-ietf-oauth-status-list §8.3 has it: fetch, verify, decompress, look."""
    reference = segments(token)[1]["status"]["status_list"]
    answer = sallyport.http.get(reference["uri"], headers={"Accept": "application/statuslist+jwt"}, timeout=10)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/statuslist+jwt"
    key = jwt.PyJWKClient(sallyport.issuer(tenant) + "/oauth2/jwks").get_signing_key_from_jwt(answer.text)
    claims = jwt.decode(answer.text, key, algorithms=["ES256"], options={"require": ["sub", "iat", "exp"]})
    assert jwt.get_unverified_header(answer.text)["typ"] == "statuslist+jwt"
    assert claims["sub"] == reference["uri"] and claims["status_list"]["bits"] == 1 and claims["ttl"] > 0
    packed = claims["status_list"]["lst"]
    bits = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return bits[reference["idx"] // 8] >> reference["idx"] % 8 & 1


def test_a_status_list_says_which_tokens_were_revoked(sallyport, clients):
    client, _ = clients["told"]
    revoked, good = (sallyport.ask_token("told", client).json()["access_token"] for _ in range(2))
    assert bit(sallyport, "told", revoked) == bit(sallyport, "told", good) == 0
    revoke(sallyport, "told", client, revoked)
    eventually(lambda: bit(sallyport, "told", revoked) == 1, 40, "the list to be renewed")
    assert bit(sallyport, "told", good) == 0
    assert "status" not in segments(sallyport.ask_token("untold", clients["untold"][0]).json()["access_token"])[1]

"""After everything else: what the whole run has left in the logs."""

import json

import pytest
from support import Sallyport, eventually


@pytest.fixture(scope="module")
def logs(sallyport) -> dict[str, str]:
    """By stack and file name; of all stacks of this run."""
    sallyport.token("acme")
    return {
        f"{instance.stack.settings.directory.name}/{path.name}": path.read_text(errors="replace")
        for instance in Sallyport.instances for path in instance.stack.settings.logs.iterdir()
    }


@pytest.mark.last
def test_no_secret_and_no_token_in_any_log(logs):
    secrets: set[str] = set()
    for instance in Sallyport.instances:
        directory = instance.stack.settings.directory
        secrets |= instance.secrets | {path.read_text().strip() for path in [*(directory / "secrets").glob("*.password"), directory / "master.key"]}
    assert len(secrets) > 10
    assert any(name.endswith("/postgres.log") and "DETAIL:  parameters: " in text.replace("Parameters", "parameters") for name, text in logs.items()), "statements are logged with their values"
    for secret in secrets:
        parts = {secret} | {part for part in secret.split(".") if len(part) > 60}
        for name, text in logs.items():
            for part in parts:
                assert part not in text, f"{name} holds a secret or a token that begins with {secret[:8]}"


@pytest.mark.last
@pytest.mark.parametrize("name", ["auth-server.log", "resource-api.log", "gateway.log"])
def test_logs_are_json_lines(logs, name):
    texts = [text for path, text in logs.items() if path.endswith("/" + name)]
    assert texts and all(texts)
    for line in "".join(texts).splitlines():
        assert isinstance(json.loads(line), dict), line


@pytest.mark.last
def test_a_request_has_one_id_everywhere(sallyport):
    answer = sallyport.api("GET", "customers?limit=1", sallyport.token("acme"), headers={"X-Request-ID": "chosen-by-the-client"})
    request_id = answer.headers["X-Request-ID"]
    assert request_id != "chosen-by-the-client" and len(request_id) == 32
    log = sallyport.stack.settings.logs / "gateway.log"
    eventually(lambda: request_id in log.read_text(), 5, "the id in the gateway's log")
    assert "chosen-by-the-client" not in log.read_text()
    for name in sallyport.stack.services:
        answer = sallyport.http.get(sallyport.stack.settings.url(name) + "/livez", headers={"X-Request-ID": request_id})
        assert answer.headers["X-Request-ID"] == request_id, "a service takes the gateway's id and returns it"


@pytest.mark.last
def test_nothing_crashed(logs):
    for name, text in logs.items():
        for sign in ("Fatal error", "Crash", "SIGILL", "SIGSEGV", "runtime error", "[emerg]", "[alert]", "PANIC:"):
            assert sign not in text, f"{name}: {sign}"

"""PostgreSQL goes and comes back, services are told to stop: who asked in between gets an honest answer."""

import signal
import threading
import time
from collections import Counter

import pytest
import requests
from support import Sallyport, eventually


class Load:
    """Asks again and again from several threads until stopped; notes when each request ended and how."""

    def __init__(self, ask, threads: int = 4):
        self.outcomes: list[tuple[float, object]] = []
        self._ask = ask
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        with requests.Session() as http:
            http.trust_env = False
            while not self._stopped.is_set():
                try:
                    outcome = self._ask(http)
                except requests.RequestException as error:
                    outcome = error
                self.outcomes.append((time.monotonic(), outcome))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def since(self, moment: float) -> list:
        return [outcome for when, outcome in self.outcomes if when >= moment]

    def statuses(self) -> Counter:
        return Counter(outcome.status_code if isinstance(outcome, requests.Response) else type(outcome).__name__ for _, outcome in self.outcomes)


@pytest.fixture(scope="module")
def sallyport(start_stack) -> Sallyport:
    """A stack of its own: what fails here must not be felt elsewhere."""
    return Sallyport(start_stack("outages"))


@pytest.fixture(autouse=True)
def all_is_well(sallyport):
    """Before each test, whatever the one before it has left."""
    stack = sallyport.stack
    for name in stack.services:
        eventually(lambda: sallyport.http.get(stack.settings.url(name) + "/readyz").status_code == 200, 20, f"{name} being ready")
    eventually(lambda: sallyport.ask_token("acme").status_code == 200, 20, "tokens")
    eventually(lambda: sallyport.api("GET", "customers?limit=1", sallyport.token("acme")).status_code == 200, 20, "rows")


@pytest.fixture
def list_rows(sallyport):
    headers = {"Authorization": f"Bearer {sallyport.token('acme', 'customers:read')}"}
    url = sallyport.api_url + "/customers?select=id,name&order=name&limit=20"
    return lambda http: http.get(url, headers=headers, timeout=30)


@pytest.mark.parametrize("immediately", [False, True], ids=["restart", "crash"])
def test_postgresql_restarts_in_the_middle_of_load(sallyport, list_rows, immediately):
    stack = sallyport.stack
    pids = {name: process.pid for name, process in stack.services.items()}
    with Load(list_rows) as load:
        eventually(lambda: load.statuses()[200] >= 50, 20, "load")
        stack.cluster.stop(immediately)
        down = time.monotonic()
        try:
            check_while_down(sallyport, load, down)
        finally:
            stack.cluster.start()
        up = time.monotonic()
        eventually(lambda: sum(ok(outcome) for outcome in load.since(up)) >= 50, 20, "recovery")
        recovered = time.monotonic()
        eventually(lambda: len(load.since(recovered)) >= 100, 20, "more load")
        assert all(ok(outcome) for outcome in load.since(recovered))
    errors = [outcome for _, outcome in load.outcomes if not ok(outcome)]
    for error in errors:
        assert isinstance(error, requests.Response), error
        assert error.status_code in (502, 503, 504), error.text
        assert error.headers["Content-Type"].startswith("application/json") and error.json()["message"]
        assert "Retry-After" in error.headers or error.status_code == 504
    assert {name: process.pid for name, process in stack.services.items()} == pids
    assert all(process.is_running for process in stack.services.values())


def check_while_down(sallyport, load: Load, down: float) -> None:
    eventually(lambda: any(not ok(outcome) for outcome in load.since(down)), 20, "an error while the database is down")
    assert sallyport.ask_token("acme").status_code in (200, 503), "from memory, or an honest no"
    for name in sallyport.stack.services:
        url = sallyport.stack.settings.url(name)
        [ready] = eventually(lambda: (answer := sallyport.http.get(url + "/readyz")).status_code == 503 and [answer], 10, f"{name} not being ready")
        assert "database" in ready.text.lower()
        assert sallyport.http.get(url + "/livez").status_code == 200


def ok(outcome) -> bool:
    return isinstance(outcome, requests.Response) and outcome.status_code == 200


def test_changes_made_while_notifications_were_lost_are_seen(sallyport):
    """After a reconnection nothing in memory can be trusted to be current."""
    client = sallyport.new_client("acme", "customers:read")
    assert sallyport.ask_token("acme", client).status_code == 200
    sallyport.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('sallyport_auth', 'sallyport_api')")
    sallyport.cli("client", "disable", "--tenant", "acme", client[0])
    eventually(lambda: sallyport.ask_token("acme", client).status_code == 401, 10, "the client's end")


def test_tokens_of_known_keys_pass_while_the_authorization_server_is_away(sallyport):
    token = sallyport.token("acme", "customers:read")
    assert sallyport.rows("customers?limit=1", token)
    stack = sallyport.stack
    stack.services["auth-server"].stop()
    try:
        for _ in range(20):
            assert sallyport.rows("customers?limit=1", token)
        answer = sallyport.http.post(sallyport.issuer("acme") + "/oauth2/token")
        assert answer.status_code == 502 and answer.json()["error"] == "temporarily_unavailable" and answer.headers["Retry-After"]
    finally:
        stack.start_service("auth-server")
    eventually(lambda: sallyport.ask_token("acme").status_code == 200, 10, "the authorization server's return")


@pytest.mark.parametrize("service", ["auth-server", "resource-api"])
def test_a_service_told_to_stop_answers_what_it_has_accepted(sallyport, list_rows, service):
    """Straight at the service, without the gateway: requests end with their answer, or were refused before they were sent."""
    stack = sallyport.stack
    url = stack.settings.url(service)
    headers = {"Authorization": f"Bearer {sallyport.token('acme', 'customers:read')}"}
    client = sallyport.credentials("acme")

    def ask(http):
        if service == "auth-server":
            return http.post(url + "/t/acme/oauth2/token", data={"grant_type": "client_credentials"}, auth=client, timeout=30)
        return http.get(url + "/api/v1/customers?limit=20", headers=headers, timeout=30)

    process = stack.services[service]
    with Load(ask) as load:
        eventually(lambda: load.statuses()[200] >= 50, 20, "load")
        process.child.send_signal(signal.SIGTERM)
        status = process.child.wait(30)
        eventually(lambda: not ok(load.outcomes[-1][1]), 10, "the end")
    stack.start_service(service)
    assert status == 0, process.log_tail()
    answered = [outcome for _, outcome in load.outcomes if isinstance(outcome, requests.Response)]
    assert {outcome.status_code for outcome in answered} <= {200, 503}
    for outcome in answered:
        assert len(outcome.content) == int(outcome.headers.get("Content-Length", len(outcome.content)))
    # A keep-alive connection may be closed as the next request is on its way; a half answer may not come.
    for _, outcome in load.outcomes:
        if not isinstance(outcome, requests.Response):
            assert isinstance(outcome, requests.ConnectionError) and "IncompleteRead" not in repr(outcome), repr(outcome)


def test_a_slow_answer_is_waited_for(sallyport):
    """SIGTERM arrives while a request waits for a row that another session holds; the answer still comes."""
    stack = sallyport.stack
    token = sallyport.token("acme", "customers:read customers:write")
    row = sallyport.rows("customers?limit=1&order=id", token)[0]["id"]
    url = stack.settings.url("resource-api") + f"/api/v1/customers?id=eq.{row}"
    headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
    answers = []
    holder = threading.Thread(
        target=sallyport.sql, args=(f"BEGIN; SELECT FROM api.customers WHERE id = '{row}' FOR UPDATE; SELECT pg_sleep(2); COMMIT",))
    holder.start()
    eventually(lambda: sallyport.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' AND pid <> pg_backend_pid()") != "0", 5)
    asker = threading.Thread(target=lambda: answers.append(requests.patch(url, json={"phone": "+1 555 0123"}, headers=headers, timeout=30)))
    asker.start()
    process = stack.services["resource-api"]
    try:
        eventually(lambda: sallyport.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'sallyport_api' AND wait_event_type = 'Lock'") != "0", 5, "waiting for the row")
        process.child.send_signal(signal.SIGTERM)
        status = process.child.wait(30)
    finally:
        holder.join()
        asker.join()
        process.stop()
        stack.start_service("resource-api")
    assert status == 0
    assert answers and answers[0].status_code == 200 and answers[0].json()[0]["phone"] == "+1 555 0123"


def test_readiness_says_what_is_missing(sallyport):
    for name in sallyport.stack.services:
        url = sallyport.stack.settings.url(name)
        assert sallyport.http.get(url + "/livez").status_code == 200
        assert sallyport.http.get(url + "/readyz").status_code == 200
        metrics = sallyport.http.get(url + "/metrics")
        assert metrics.status_code == 200 and "# TYPE" in metrics.text

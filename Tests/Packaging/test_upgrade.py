"""From release N−1 to N and back on one database, under load, as docs/OPERATIONS.md says: migrate, then one instance after the other."""

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from browser import Browser, Request
from conftest import BINARIES, CHECKOUT
from load import Writers
from support import Sallyport, eventually

from sallystack.cluster import DATABASE
from sallystack.settings import SERVICES, instance
from sallystack.stack import Stack

PEOPLE = ("owner", "admin", "manager", "user")


@pytest.fixture(scope="module")
def previous() -> Path:
    """N−1's programs, which previous.py has built."""
    given = os.environ.get("PREVIOUS_BIN_DIR")
    assert given, "PREVIOUS_BIN_DIR names no programs: make test-upgrade builds them"
    return CHECKOUT / given


class Deployment:
    """Two instances of each service, each of which is of one release or the other."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.sallyport = Sallyport(stack)

    def use(self, binaries: Path) -> None:
        """From now on: for commands, and for instances that are started."""
        self.stack.settings = replace(self.stack.settings, binaries=binaries)

    def restart(self, binaries: Path, numbers: tuple[int, ...]) -> None:
        self.use(binaries)
        for number, service in product(numbers, SERVICES):
            self.stack.restart(service, number)
            assert Path(self.stack.services[instance(service, number)].command[0]).parent == binaries

    def migrate(self) -> None:
        self.stack.run("auth-server", "migrate")
        self.stack.cluster.run_sql(self.stack.run("auth-server", "migrate", "--print-superuser-sql").stdout, DATABASE)

    @property
    def migrations(self) -> int:
        return int(self.sallyport.sql("SELECT count(*) FROM sallyport.schema_migration"))

    def auth(self, number: int, endpoint: str, client: tuple[str, str], **parameters: str) -> dict:
        url = f"{self.stack.settings.url(instance('auth-server', number))}/t/acme/oauth2/{endpoint}"
        answer = self.sallyport.http.post(url, data=parameters, auth=client, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else {}

    def status(self, number: int, token: str) -> int:
        """What resource-api says to the token."""
        url = f"{self.stack.settings.url(instance('resource-api', number))}/api/v1/customers?limit=1"
        return self.sallyport.http.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code


def work_together(deployment: Deployment, writers: Writers) -> None:
    """What one instance made the other takes, redeems and ends; people wander between them; nobody is turned away."""
    service, legacy = (deployment.sallyport.credentials("acme", label) for label in ("service", "legacy"))
    user = deployment.sallyport.user("user")
    for here, there in ((1, 2), (2, 1)):
        token = deployment.auth(here, "token", service, grant_type="client_credentials", scope="customers:read")["access_token"]
        assert [deployment.status(number, token) for number in (1, 2)] == [200, 200]
        signed_in = deployment.auth(here, "token", legacy, grant_type="password", username=user["username"], password=user["password"])
        refreshed = deployment.auth(there, "token", legacy, grant_type="refresh_token", refresh_token=signed_in["refresh_token"])
        assert [deployment.status(number, refreshed["access_token"]) for number in (1, 2)] == [200, 200]
        deployment.auth(here, "revoke", legacy, token=refreshed["refresh_token"])
        for number in (1, 2):
            eventually(lambda: deployment.status(number, refreshed["access_token"]) == 401, 5, "the revocation being known")
    # Through the gateway, page after page, now with one instance and now with the other.
    for name in PEOPLE:
        request = Request(deployment.sallyport, "acme", deployment.sallyport.credentials("acme", "web"))
        assert request.tokens(Browser(deployment.sallyport), deployment.sallyport.user(name))["refresh_token"]
    written, sign_ins = {tenant: len(rows) for tenant, rows in writers.written.items()}, writers.sign_ins
    eventually(
        lambda: all(len(rows) > written[tenant] + 50 for tenant, rows in writers.written.items()) and writers.sign_ins > sign_ins + 5, 60, "writing")
    assert not writers.failures


def test_two_releases_work_on_one_database(make_stack, previous):
    stack = make_stack("upgrade", instances=2)
    stack.settings = replace(stack.settings, binaries=previous)
    stack.up()
    deployment = Deployment(stack)
    before = deployment.migrations
    session = deployment.auth(1, "token", deployment.sallyport.credentials("acme", "legacy"), grant_type="password", **{
        name: deployment.sallyport.user("admin")[name] for name in ("username", "password")})
    with Writers(deployment.sallyport) as writers:
        eventually(lambda: all(writers.written.values()) and writers.sign_ins, 60, "writing")
        deployment.use(BINARIES)
        deployment.migrate()
        assert deployment.migrations >= before
        # N−1 alone, on N's schema.
        work_together(deployment, writers)
        deployment.restart(BINARIES, (1,))
        work_together(deployment, writers)
        deployment.restart(BINARIES, (2,))
        work_together(deployment, writers)
        # And back, with what N has written.
        deployment.restart(previous, (1, 2))
        work_together(deployment, writers)
        deployment.restart(BINARIES, (1, 2))
        work_together(deployment, writers)
    # Who signed in before all this is signed in.
    assert deployment.auth(2, "token", deployment.sallyport.credentials("acme", "legacy"), grant_type="refresh_token", refresh_token=session["refresh_token"])
    there = set(deployment.sallyport.sql("SELECT id FROM api.customers").split())
    assert {row.id for rows in writers.written.values() for row in rows} <= there, "what was acknowledged is there"
    stack.run("auth-server", "audit", "verify", "--all")
    print(f"migrations: {before} before, {deployment.migrations} after")


def test_a_change_that_the_previous_release_cannot_live_with_is_seen(make_stack, previous):
    stack = make_stack("contracted")
    stack.settings = replace(stack.settings, binaries=previous)
    stack.up()
    sallyport = Sallyport(stack)
    with Writers(sallyport) as writers:
        eventually(lambda: all(writers.written.values()) and writers.sign_ins, 60, "writing")
        assert not writers.failures
        sallyport.sql("ALTER TABLE auth.access_grant RENAME COLUMN methods TO ways")
        eventually(lambda: writers.failures, 30, "a sign-in that fails")
    assert {who for who, _ in writers.failures} == {"sign-in"}

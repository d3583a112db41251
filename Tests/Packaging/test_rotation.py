"""The recipes of docs/OPERATIONS.md for keys and passwords, followed under load: no request fails."""

import secrets
import threading

import pytest
import requests
from sallystack.cluster import RUN_TIME_ROLES, scram_verifier
from support import Sallyport, eventually


class Users:
    """Programs that get tokens and people who sign in, one after the other, all the time; what did not go well is kept."""

    def __init__(self, sallyport: Sallyport):
        self.sallyport = sallyport
        self.failures: list[str] = []
        self.count = 0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,), daemon=True) for one in (self._program, self._person)]

    def __enter__(self) -> "Users":
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def go_on(self, requests: int = 20) -> None:
        """Until so many more have been answered."""
        wanted = self.count + requests
        eventually(lambda: self.count >= wanted or self.failures, 60, "requests being answered")
        assert not self.failures

    def _run(self, one) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while not self._stopped.is_set():
                try:
                    one(http)
                    self.count += 1
                except (AssertionError, KeyError, requests.RequestException) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")

    def _program(self, http: requests.Session) -> None:
        url = f"{self.sallyport.issuer('acme')}/oauth2/token"
        answer = http.post(url, data={"grant_type": "client_credentials", "scope": "customers:read"}, auth=self.sallyport.credentials(), timeout=20)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        rows = http.get(f"{self.sallyport.api_url}/customers?limit=1", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        assert rows.status_code == 200, rows.text

    def _person(self, http: requests.Session) -> None:
        url, client, user = f"{self.sallyport.issuer('acme')}/oauth2/token", self.sallyport.credentials("acme", "legacy"), self.sallyport.user("user")
        answer = http.post(url, data={"grant_type": "password", "username": user["username"], "password": user["password"]}, auth=client, timeout=20)
        assert answer.status_code == 200, answer.text
        answer = http.post(url, data={"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}, auth=client, timeout=20)
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def sallyport(make_stack) -> Sallyport:
    stack = make_stack("rotation", instances=2)
    stack.up()
    return Sallyport(stack)


def restart(sallyport: Sallyport, users: Users, **variables: str) -> None:
    """One instance after the other."""
    for number in (1, 2):
        sallyport.stack.restart("auth-server", number, **{f"SALLYPORT_{name}": value for name, value in variables.items()})
        users.go_on()


def test_the_master_key_changes_while_people_sign_in(sallyport, tmp_path):
    old, new = sallyport.stack.settings.master_key_file, tmp_path / "new.key"
    new.write_text(secrets.token_hex(32) + "\n")
    reseal = ("auth-server", "key", "reseal", "--new-master-key-file", str(new))
    with Users(sallyport) as users:
        restart(sallyport, users, MASTER_KEY_PREVIOUS_FILE=str(new))
        sallyport.stack.run(*reseal)
        users.go_on()
        restart(sallyport, users, MASTER_KEY_FILE=str(new), MASTER_KEY_PREVIOUS_FILE=str(old))
        sallyport.stack.run(*reseal, SALLYPORT_MASTER_KEY_PREVIOUS_FILE=str(new))
        users.go_on()
        restart(sallyport, users, MASTER_KEY_FILE=str(new))
        # Keys made from now on are sealed under the new one; the old one opens nothing any more.
        sallyport.stack.run("auth-server", "key", "rotate", "--tenant", "acme", SALLYPORT_MASTER_KEY_FILE=str(new))
        users.go_on()
    assert sallyport.stack.run(*reseal, check=False).returncode == 0, "nothing is left to seal anew"
    refused = sallyport.stack.run("auth-server", "key", "reseal", "--new-master-key-file", str(old), check=False)
    assert refused.returncode == 1
    old.write_text(new.read_text())


def reconnect(sallyport: Sallyport) -> None:
    """Ends the services' connections, each when nobody is using it: what was sent on one that is ended would be lost, whatever the password."""
    moment = sallyport.sql("SELECT clock_timestamp()")
    old = f"pg_stat_activity WHERE usename IN {RUN_TIME_ROLES} AND backend_start < '{moment}'"
    assert int(sallyport.sql(f"SELECT count(*) FROM {old}")) >= 4
    unused = "state = 'idle' AND state_change < clock_timestamp() - interval '20 ms'"

    def is_done() -> bool:
        sallyport.sql(f"SELECT count(pg_terminate_backend(pid)) FROM {old} AND {unused}")
        return sallyport.sql(f"SELECT count(*) FROM {old}") == "0"

    eventually(is_done, 30, "all connections being new")


def test_database_passwords_change_while_connections_come_and_go(sallyport, tmp_path):
    stack = sallyport.stack
    files = {role: tmp_path / role for role in RUN_TIME_ROLES}
    for role, file in files.items():
        file.write_text((stack.settings.directory / "secrets" / f"{role}.password").read_text())
    variables = {
        f"SALLYPORT_{name}_DATABASE_{end}": value for name, role in zip(("AUTH", "API"), RUN_TIME_ROLES)
        for end, value in (("URL", stack.cluster.url(role).split("&passfile")[0]), ("PASSWORD_FILE", str(files[role])))}
    disconnect = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN {RUN_TIME_ROLES}"
    with Users(sallyport) as users:
        for service in ("auth-server", "resource-api"):
            for number in (1, 2):
                stack.restart(service, number, **variables)
                users.go_on()
        for role, file in files.items():
            password = secrets.token_hex(32)
            file.write_text(password + "\n")
            sallyport.sql(f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'")
        # All connections anew, with the new passwords.
        reconnect(sallyport)
        users.go_on(60)
    # It was the file that counted: with a wrong one nobody comes in.
    for file in files.values():
        file.write_text("wrong\n")
    sallyport.sql(disconnect)
    eventually(lambda: requests.get(stack.settings.url("auth-server") + "/readyz", timeout=20).status_code == 503, 30, "being not ready")

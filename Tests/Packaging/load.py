"""Writers that remember what they were told is written, and when they asked."""

import threading
import time
import uuid
from dataclasses import dataclass

import requests
from support import Sallyport


@dataclass(frozen=True)
class Written:
    """Seconds since 1970."""

    id: str
    asked: float
    answered: float


class Writers:
    """Customers in both tenants, and people who sign in, which the audit log records; until the block ends."""

    def __init__(self, sallyport: Sallyport):
        self.sallyport = sallyport
        self.written: dict[str, list[Written]] = {"acme": [], "globex": []}
        self.sign_ins = 0
        # What was not answered, or not with yes: (tenant or "sign-in", what came).
        self.failures: list[tuple[str, str]] = []
        self._stopped = threading.Event()
        self._tokens = {tenant: sallyport.token(tenant, "customers:read customers:write") for tenant in self.written}
        self._threads = [threading.Thread(target=self._write, args=(tenant,), daemon=True) for tenant in self.written]
        self._threads.append(threading.Thread(target=self._sign_in, daemon=True))

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def answered_before(self, moment: float, tenant: str) -> set[str]:
        return {one.id for one in self.written[tenant] if one.answered < moment}

    def asked_after(self, moment: float, tenant: str) -> set[str]:
        return {one.id for one in self.written[tenant] if one.asked > moment}

    def _write(self, tenant: str) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while not self._stopped.wait(0.005):
                id, asked = str(uuid.uuid4()), time.time()
                headers = {"Authorization": f"Bearer {self._tokens[tenant]}"}
                try:
                    answer = http.post(f"{self.sallyport.api_url}/customers", json={"id": id, "name": f"Kept {id}"}, headers=headers, timeout=10)
                except requests.RequestException as error:
                    self.failures.append((tenant, repr(error)))
                    continue
                if answer.status_code == 201:
                    self.written[tenant].append(Written(id, asked, time.time()))
                else:
                    self.failures.append((tenant, f"{answer.status_code} {answer.text}"))

    def _sign_in(self) -> None:
        user = self.sallyport.user("user")
        while not self._stopped.wait(0.02):
            try:
                answer = self.sallyport.ask_token("acme", "legacy", grant_type="password", username=user["username"], password=user["password"])
            except requests.RequestException as error:
                self.failures.append(("sign-in", repr(error)))
                continue
            if answer.status_code == 200:
                self.sign_ins += 1
            else:
                self.failures.append(("sign-in", f"{answer.status_code} {answer.text}"))

"""Who asks: every request goes through `Asker.ask`, which writes down what happened, whatever it was."""

import asyncio
import base64
import json
import random

from history import Event, History, now
from system import System, TenantClients
from wire import Answer, NoAnswer


def basic(client) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client.id}:{client.secret}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims(token: str) -> dict:
    """Not verified: the server's own words about the token it just gave."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Asker:
    """One client of one tenant, for one run. Choices come from the run's seed."""

    def __init__(self, system: System, history: History, tenant: TenantClients, seed: str):
        self.system = system
        self.history = history
        self.tenant = tenant
        self.random = random.Random(seed)
        self.stopping = asyncio.Event()
        self._token: str | None = None

    # Asking.

    async def ask(
        self, kind: str, target: str, method: str, path: str, headers: dict | None = None, body=None, *, proper: tuple[int, ...] = (), **facts,
    ) -> tuple[Event, Answer | None]:
        """`proper` statuses, besides success, are what a sound system answers here."""
        began = now()
        answer, status, error = None, None, None
        try:
            answer = await self.system.at(target).request(method, path, headers, body)
            status = answer.status
        except NoAnswer as failure:
            error = failure.how
        event = Event(kind, target, self.tenant.slug, began, now(), status, error, facts | {"proper": proper})
        self.history.events.append(event)
        return event, answer

    def door(self, service: str, direct: float = 0.3) -> str:
        """The gateway, or now and then an instance itself."""
        return self.random.choice(self.system.instances[service]) if self.random.random() < direct else "gateway"

    async def pause(self, shortest: float = 0.02, longest: float = 0.06) -> None:
        await asyncio.sleep(self.random.uniform(shortest, longest))

    @property
    def issuer(self) -> str:
        return f"/t/{self.tenant.slug}"

    # Tokens of the tenant's machine.

    async def machine_token(self, target: str | None = None) -> str | None:
        """A new one; None if it was refused."""
        event, answer = await self.ask(
            "token", target or self.door("auth-server"), "POST", f"{self.issuer}/oauth2/token", basic(self.tenant.machine),
            {"grant_type": "client_credentials"})
        if not event.is_good:
            return None
        token = answer.json()["access_token"]
        event.facts["told_tenant"] = claims(token)["tenant"]
        return token

    async def token(self) -> str:
        """One that is kept until it is refused. Waits until there is one."""
        while self._token is None:
            self._token = await self.machine_token()
            if self._token is None:
                await self.pause(0.05, 0.2)
        return self._token

    async def call(self, kind: str, target: str, method: str, path: str, headers: dict | None = None, body=None, **facts) -> tuple[Event, Answer | None]:
        """A request to the API with the kept token; one that is refused is not used again."""
        event, answer = await self.ask(kind, target, method, f"/api/v1/{path}", bearer(await self.token()) | (headers or {}), body, **facts)
        if event.status == 401:
            self._token = None
        return event, answer

    async def run(self) -> None:
        while not self.stopping.is_set():
            await self.step()
            await self.pause()

    async def step(self) -> None:
        raise NotImplementedError

"""Reading and writing rows: inserts and increments that are retried under an Idempotency-Key, a register that only grows, and readers."""

import asyncio

from client import Asker, bearer
from history import Event, now
from system import TENANTS

#: An honest client retries for so long.
RETRY_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}


async def retried(attempt, asker: Asker) -> Event | None:
    """Asks until the answer says what became of it: success, or a refusal that a retry cannot change. None: it was never told."""
    deadline = now() + RETRY_SECONDS
    while now() < deadline:
        event = await attempt()
        if event.is_good or event.status in (400, 403, 404, 422):
            return event
        await asker.pause(0.05, 0.25)
    return None


class Inserter(Asker):
    """A row for each key, retried until acknowledged; every fifth without a key, and asked for once only."""

    def __init__(self, *arguments, prefix: str):
        super().__init__(*arguments)
        self.prefix = prefix
        self.count = 0

    async def step(self) -> None:
        self.count += 1
        name = f"{self.prefix}-{self.count}"
        row = {"name": name, "mark": self.tenant.slug, "value": self.count}
        if self.count % 5 == 0:
            await self.call("insert", self.door("resource-api"), "POST", "ledger", JSON, row, name=name)
            return
        key = {"Idempotency-Key": f"key-{name}"}

        async def attempt() -> Event:
            event, _ = await self.call("insert", self.door("resource-api"), "POST", "ledger", JSON | key, row, name=name, key=name, proper=(409,))
            return event

        await retried(attempt, self)


class Counter(Asker):
    """Adds one to its row, again and again, each time under a key of its own."""

    def __init__(self, *arguments, prefix: str):
        super().__init__(*arguments)
        self.name = f"{prefix}-sum"
        self.count = 0
        self.exists = False

    async def step(self) -> None:
        if not self.exists:
            self.exists = await self._made()
            return
        self.count += 1
        key = {"Idempotency-Key": f"key-{self.name}-{self.count}"}

        async def attempt() -> Event:
            event, _ = await self.call(
                "add", self.door("resource-api"), "POST", "rpc/ledger_add", JSON | key, {"entry": self.name, "amount": 1}, name=self.name,
                key=self.count, proper=(409,))
            return event

        await retried(attempt, self)

    async def _made(self) -> bool:
        row = {"name": self.name, "mark": self.tenant.slug}
        key = {"Idempotency-Key": f"key-{self.name}"}

        async def attempt() -> Event:
            event, _ = await self.call("insert", self.door("resource-api"), "POST", "ledger", JSON | key, row, name=self.name, key=self.name, proper=(409,))
            return event

        event = await retried(attempt, self)
        return event is not None and event.is_good


class Register(Asker):
    """The only writer of its row sets it to 1, 2, 3 …, each asked for once. What went unanswered may yet arrive: it must not undo what came later."""

    def __init__(self, *arguments, prefix: str):
        super().__init__(*arguments)
        self.name = f"{prefix}-last"
        self.value = 0

    async def step(self) -> None:
        if self.value == 0:
            event, _ = await self.call(
                "insert", "gateway", "POST", "ledger", JSON | {"Idempotency-Key": f"key-{self.name}"}, {"name": self.name, "mark": self.tenant.slug},
                name=self.name, key=self.name, proper=(409,))
            self.value = 1 if event.is_good else 0
            return
        path = f"ledger?name=eq.{self.name}&value=lt.{self.value}"
        await self.call("set", self.door("resource-api"), "PATCH", path, JSON, {"value": self.value}, name=self.name, value=self.value)
        self.value += 1


class Reader(Asker):
    """Reads the register, or rows of any age, and remembers whose they were; now and then it tries the other tenant's door."""

    def __init__(self, *arguments, register: str):
        super().__init__(*arguments)
        self.register = register

    async def step(self) -> None:
        if self.random.random() < 0.1:
            return await self._cross()
        rows = f"name=eq.{self.register}" if self.random.random() < 0.5 else "order=id&limit=100"
        event, answer = await self.call("read", self.door("resource-api", 0.5), "GET", f"ledger?select=name,mark,value&{rows}")
        if event.is_good:
            rows = answer.json()
            event.facts["marks"] = {row["mark"] for row in rows}
            event.facts["values"] = {row["name"]: row["value"] for row in rows if row["name"].endswith("-last")}

    async def _cross(self) -> None:
        other = next(slug for slug in TENANTS if slug != self.tenant.slug)
        event, _ = await self.ask(
            "cross", self.door("resource-api"), "GET", "/api/v1/ledger?limit=1", bearer(await self.token()) | {"X-Tenant-ID": other}, proper=(403,))
        if event.status == 401:
            self._token = None


class TokenSeeker(Asker):
    """A back end that asks for token after token."""

    async def step(self) -> None:
        await self.machine_token()


async def settled(tasks: list[asyncio.Task], seconds: float) -> list[asyncio.Task]:
    """Waits for the actors to finish what they have begun; returns those that did not."""
    _, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in pending:
        task.cancel()
    return list(pending)

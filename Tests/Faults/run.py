"""One run: quiet, a fault under load, its end, and the time after it; then the history is judged."""

import asyncio
import random
from collections import Counter as Tally
from dataclasses import dataclass, field

from checks import broken, is_proper
from client import Asker
from faults import drawn
from history import FinalState, History, now
from person import Browser
from sallystack.cluster import DATABASE
from system import TENANTS, System
from workload.graveyard import Graveyard
from workload.grants import CodeRacer, Refresher
from workload.revocations import Prober, Revoker, probe
from workload.rows import Counter, Inserter, Reader, Register, TokenSeeker, settled

#: How long everything must go well before the run is over, counted from the first moment at which all is well.
CALM_AFTER = 1.5
#: An actor may be in the middle of something that takes its deadline.
SETTLING_SECONDS = 80.0


@dataclass
class Report:
    seed: int
    kind: str
    story: str
    seconds: float
    operations: int
    answered: int
    recovered: float
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "ok" if not self.violations else f"BROKEN ({len(self.violations)})"
        return (
            f"seed {self.seed}  {verdict:<6}  {self.seconds:4.1f} s  {self.operations:5d} operations, {self.operations - self.answered:4d} failed, "
            f"well after {self.recovered:.1f} s  {self.story}")


class Campaign:
    """Runs one after the other against a system that stays up. What was revoked once is tried in all later runs too."""

    def __init__(self, system: System):
        self.system = system
        self.graveyards = {tenant: Graveyard() for tenant in TENANTS}
        self.browsers = {(slug, name): Browser(user) for slug, tenant in system.tenants.items() for name, user in tenant.people.items()}
        self.reports: list[Report] = []
        #: Operations that went well, by kind.
        self.done = Tally()

    async def run(self, seed: int) -> Report:
        fault = drawn(self.system, seed)
        history = History()
        self.system.supervisor.unexpected.clear()
        await fault.prepare()
        actors = self._actors(history, seed)
        tasks = [asyncio.create_task(actor.run()) for actor in actors]
        try:
            await asyncio.sleep(random.Random(f"quiet {seed}").uniform(0.7, 1.7))
            await fault.happen(history.windows)
            healed = now()
            recovered = await self._calm(history, healed)
        finally:
            for actor in actors:
                actor.stopping.set()
        stuck = await settled(tasks, SETTLING_SECONDS)
        await fault.clear_up()
        history.unexpected_ends = list(self.system.supervisor.unexpected)
        final = await self._final_state(seed)
        violations = broken(history, final) + [f"an actor did not finish: {task.get_coro()}" for task in stuck]
        violations += [f"an actor failed: {task.exception()!r}" for task in tasks if not task.cancelled() and task.done() and task.exception()]
        self.done.update(event.kind for event in history.events if is_proper(event))
        report = Report(
            seed, fault.name, fault.story, now() - history.began, len(history.events), sum(map(is_proper, history.events)), recovered, violations)
        self.reports.append(report)
        return report

    def _actors(self, history: History, seed: int) -> list[Asker]:
        actors: list[Asker] = []
        for slug, tenant in self.system.tenants.items():
            graves = self.graveyards[slug]

            def made(kind: type[Asker], number: int = 0, tenant=tenant, slug=slug, **more) -> Asker:
                return kind(self.system, history, tenant, f"{seed} {slug} {kind.__name__} {number}", **more)

            actors += [made(TokenSeeker), *(made(Reader, number, register=f"{seed}-r-last") for number in (1, 2))]
            actors += [made(Inserter, number, prefix=f"{seed}-i{number}") for number in (1, 2)]
            actors += [made(Counter, prefix=f"{seed}-c"), made(Register, prefix=f"{seed}-r")]
            actors += [
                made(CodeRacer, browser=self.browsers[slug, "readonly"], graveyard=graves),
                made(Refresher, browser=self.browsers[slug, "user"]),
                made(Revoker, browser=self.browsers[slug, "manager"], graveyard=graves),
            ]
            actors += [made(Prober, number, target=target, graveyard=graves) for number, target in enumerate(self.system.services)]
        return actors

    async def _calm(self, history: History, healed: float) -> float:
        """Waits until all went well for a while, or cannot any more within the bound. Returns after how many seconds it did."""
        while True:
            await asyncio.sleep(0.1)
            last = max((event.ended for event in history.events if event.began > healed - 60 and not is_proper(event)), default=healed)
            last = max(last, healed)
            if now() - last >= CALM_AFTER or now() - healed > 5 + CALM_AFTER + 2:
                return last - healed

    async def _final_state(self, seed: int) -> FinalState:
        ask = self.system.primary.ask
        final = FinalState()
        rows = await ask(
            f"""SELECT t.slug, l.name, count(*), max(l.value) FROM api.ledger l JOIN auth.tenant t ON t.id = l.tenant_id
                 WHERE l.name LIKE '{seed}-%' GROUP BY 1, 2""", DATABASE)
        for line in rows.splitlines():
            slug, name, count, value = line.split("|")
            final.rows[slug, name] = int(count)
            final.counters[slug, name] = int(value)
        final.revocations = set((await ask("SELECT DISTINCT target FROM auth.revocation", DATABASE)).splitlines())
        final.audited = set((await ask("SELECT DISTINCT target_id FROM auth.audit_event", DATABASE)).splitlines())
        status, words = await self.system.command("auth-server", "audit", "verify", "--all")
        if status != 0:
            final.audit_problems.append(f"the audit chain does not verify: {words.strip()}")
        return final

    async def last_judgement(self, at_most: int = 400) -> list[str]:
        """All who died in the campaign, at every instance, after everything."""
        history = History()
        chance = random.Random("last judgement")
        for slug, tenant in self.system.tenants.items():
            asker = Asker(self.system, history, tenant, "last")
            dead = self.graveyards[slug].dead
            for corpse, acknowledged in chance.sample(dead, min(at_most, len(dead))):
                await asyncio.gather(*(probe(asker, target, corpse, acknowledged) for target in self.system.services))
        return broken(history, FinalState())

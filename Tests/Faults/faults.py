"""What is done to the system. A fault is drawn with all its details from the run's seed, strikes, lasts, and is healed.

The end of a fault is the moment from which the services must help themselves: a killed service has been started again (its start is its own
affair), a killed PostgreSQL takes connections, a promoted standby takes writes.
"""

import asyncio
import os
import random
import signal

import network
from history import Window, now
from sallystack import StackError
from system import CLOCKED, System

#: Longer than every timeout of the stack: 30 s is what the gateway waits for an answer.
LONGER_THAN_EVERY_TIMEOUT = (32.0, 35.0)


class Fault:
    """`name` is the kind; `story` tells this one."""

    name = "nothing"
    #: HTTP targets that cannot answer, and those whose time of day is wrong, while it lasts.
    silent: frozenset[str] = frozenset()
    skewed: frozenset[str] = frozenset()

    def __init__(self, system: System, chance: random.Random):
        self.system = system
        self.chance = chance
        self.seconds = 0.0
        self.story = self.name

    @classmethod
    def impediment(cls, system: System) -> str | None:
        """Why this machine cannot have it."""
        return None

    async def prepare(self) -> None:
        """Before the run's quiet time."""

    async def strike(self) -> None:
        raise NotImplementedError

    async def heal(self) -> None:
        raise NotImplementedError

    async def clear_up(self) -> None:
        """After the run: what does not matter to the services."""

    async def happen(self, windows: list[Window]) -> None:
        window = Window(self.story, now(), silent=self.silent, skewed=self.skewed)
        windows.append(window)
        await self.strike()
        await asyncio.sleep(self.seconds)
        await self.heal()
        window.healed = now()


class Kill(Fault):
    """SIGKILL; the supervisor starts it again at once, or after some time."""

    def __init__(self, system, chance, target: str | None = None):
        super().__init__(system, chance)
        self.target = target or chance.choice(system.instances[self.name.removeprefix("kill ")])
        self.seconds = chance.choice((0.0, chance.uniform(0.3, 3)))
        self.story = f"SIGKILL of {self.target}, down for {self.seconds:.1f} s more than its restart takes"

    async def strike(self):
        ward = self.system.supervisor.condemn(self.target, keep_down=self.seconds > 0)
        # nginx has workers: a supervisor ends them with their master.
        os.killpg(ward.process.pid, signal.SIGKILL)

    async def heal(self):
        await self.system.supervisor.restore(self.target)


class KillAuthServer(Kill):
    name = "kill auth-server"


class KillResourceAPI(Kill):
    name = "kill resource-api"


class KillGateway(Kill):
    name = "kill nginx"

    def __init__(self, system, chance):
        super().__init__(system, chance, "nginx")


class KillPostgres(Fault):
    """Immediate shutdown, as in a crash; or every process by SIGKILL."""

    name = "kill PostgreSQL"

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.is_immediate = chance.random() < 0.6
        self.seconds = chance.choice((0.0, chance.uniform(0.3, 6)))
        self.story = f"{'immediate shutdown' if self.is_immediate else 'SIGKILL'} of PostgreSQL, down for {self.seconds:.1f} s"

    async def strike(self):
        self.system.supervisor.condemn("postgres", keep_down=self.seconds > 0)
        if self.is_immediate:
            os.kill(self.system.primary.process.pid, signal.SIGQUIT)
        else:
            self.system.primary.signal(signal.SIGKILL)

    async def heal(self):
        await self.system.supervisor.restore("postgres")
        await self.system.primary.takes_connections()


class KillBackend(Fault):
    """One server process dies, and PostgreSQL restarts all of them."""

    name = "kill a backend"

    async def strike(self):
        pids = await self.system.primary.ask("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'sallyport%' ORDER BY backend_start")
        if pids:
            os.kill(int(self.chance.choice(pids.split())), signal.SIGKILL)
        await asyncio.sleep(0.1)

    async def heal(self):
        await self.system.primary.takes_connections()


class Pause(Fault):
    """SIGSTOP, for a few seconds or for longer than every timeout."""

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.seconds = chance.uniform(*LONGER_THAN_EVERY_TIMEOUT) if chance.random() < 0.3 else chance.uniform(2, 9)
        self.choose()
        self.story = f"SIGSTOP of {self.target} for {self.seconds:.1f} s"

    def choose(self):
        self.target = self.chance.choice(self.system.instances[self.name.removeprefix("pause ")])
        self.silent = frozenset({self.target})

    async def strike(self):
        os.killpg(self.system.supervisor.wards[self.target].process.pid, signal.SIGSTOP)

    async def heal(self):
        os.killpg(self.system.supervisor.wards[self.target].process.pid, signal.SIGCONT)


class PauseAuthServer(Pause):
    name = "pause auth-server"


class PauseResourceAPI(Pause):
    name = "pause resource-api"


class PauseGateway(Pause):
    name = "pause nginx"

    def choose(self):
        self.target = "nginx"
        self.silent = frozenset({"gateway"})


class PausePostgres(Pause):
    name = "pause PostgreSQL"

    def choose(self):
        self.target = "PostgreSQL"

    async def strike(self):
        self.system.primary.signal(signal.SIGSTOP)

    async def heal(self):
        self.system.primary.signal(signal.SIGCONT)


class Network(Fault):
    """Between PostgreSQL and one instance, one service, or all."""

    longest = 6.0

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.instances = chance.choice((system.services, [chance.choice(system.services)], *system.instances.values()))
        self.seconds = chance.uniform(0.5, self.longest)
        self.story = f"network to PostgreSQL {self.verb()} for {self.seconds:.1f} s: {', '.join(self.instances)}"

    def verb(self) -> str:
        raise NotImplementedError

    async def heal(self):
        for link in self.system.links_of(*self.instances):
            link.heal()


class Cut(Network):
    name = "cut the network"

    def verb(self):
        return "cut"

    async def strike(self):
        for link in self.system.links_of(*self.instances):
            link.cut()


class Freeze(Network):
    name = "freeze the network"
    longest = 12.0

    def verb(self):
        return "frozen"

    async def strike(self):
        for link in self.system.links_of(*self.instances):
            link.freeze()


class LosePackets(Network):
    name = "lose packets"
    longest = 12.0

    def verb(self):
        return "without a packet"

    @classmethod
    def impediment(cls, system):
        return None if network.is_own() else "needs a network namespace, which only root gets"

    def rules(self):
        return [rule for link in self.system.links_of(*self.instances) for rule in network.of_port(link.port)]

    async def strike(self):
        network.lose(*self.rules())

    async def heal(self):
        network.find(*self.rules())


class Slow(Network):
    name = "slow the network"

    def verb(self):
        self.delay = self.chance.uniform(0.02, 0.3)
        return f"slowed by {self.delay * 1000:.0f} ms"

    async def strike(self):
        for link in self.system.links_of(*self.instances):
            link.slow(self.delay)


class FullDisk(Fault):
    name = "fill the disk"

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.seconds = chance.uniform(1.5, 6)
        self.story = f"disk of PostgreSQL full for {self.seconds:.1f} s"

    @classmethod
    def impediment(cls, system):
        return None if system.primary.has_volume else "only root can mount a small disk"

    async def strike(self):
        # It may survive that, or give up.
        self.system.supervisor.condemn("postgres")
        await asyncio.to_thread(self.system.primary.fill_disk)

    async def heal(self):
        self.system.primary.empty_disk()
        await self.system.supervisor.restore("postgres", was_killed=False)
        await self.system.primary.takes_connections()


class Clock(Fault):
    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.instance = chance.choice(CLOCKED)
        self.skewed = frozenset({self.instance})
        self.seconds = chance.uniform(1.5, 7)
        self.story = f"clock of {self.instance} {self.offset:+d} s for {self.seconds:.1f} s"

    offset = 0

    @classmethod
    def impediment(cls, system):
        return None if system.clocks else "needs a C compiler"

    async def strike(self):
        self.system.clocks[self.instance].move(self.offset)

    async def heal(self):
        self.system.clocks[self.instance].move(0)


class ClockAhead(Clock):
    name = "clock ahead"
    offset = 3600


class ClockBehind(Clock):
    name = "clock behind"
    offset = -3600


class FailOver(Fault):
    """The primary is lost, and its synchronous standby is promoted. The services are told of it by nobody."""

    name = "fail over"

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.story = f"{system.primary.name} killed, its synchronous standby promoted"

    async def prepare(self):
        self.lost, self.heir = self.system.primary, self.system.spare
        await self.heir.follow(self.lost)

    async def strike(self):
        self.system.supervisor.forget("postgres")
        await self.lose()
        await self.heir.promote()

    async def lose(self):
        self.lost.signal(signal.SIGKILL)

    async def heal(self):
        self.system.serve_from(self.heir)

    async def clear_up(self):
        self.lost.destroy()


class PowerLoss(FailOver):
    """As above, and nobody's connection is told of the end: the machine is gone, and packets to it are not answered. Whoever watches it
    takes some seconds to be sure before the standby is promoted."""

    name = "power loss"

    def __init__(self, system, chance):
        super().__init__(system, chance)
        self.watching = chance.uniform(3, 8)
        self.story = f"{system.primary.name} without power, its synchronous standby promoted {self.watching:.1f} s later"

    @classmethod
    def impediment(cls, system):
        return None if network.is_own() else "needs a network namespace, which only root gets"

    async def lose(self):
        network.lose(*network.of_address(self.lost.address))
        self.lost.signal(signal.SIGKILL)
        await asyncio.sleep(self.watching)

    async def clear_up(self):
        await super().clear_up()
        network.find(*network.of_address(self.lost.address))


class Double(Fault):
    """Two at once, of those that leave the rest of the system alone."""

    name = "two at once"
    kinds = (KillAuthServer, KillResourceAPI, KillGateway, KillPostgres, Cut, Slow, Freeze, ClockAhead, ClockBehind)

    def __init__(self, system, chance):
        super().__init__(system, chance)
        possible = [kind for kind in self.kinds if kind.impediment(system) is None]
        self.two = [kind(system, chance) for kind in chance.sample(possible, 2)]
        self.gap = chance.uniform(0, 1.5)
        self.story = f"{self.two[0].story}; {self.gap:.1f} s later {self.two[1].story}"

    async def happen(self, windows):
        async def later():
            await asyncio.sleep(self.gap)
            await self.two[1].happen(windows)

        await asyncio.gather(self.two[0].happen(windows), later())


KINDS: tuple[type[Fault], ...] = (
    KillAuthServer, KillResourceAPI, KillPostgres, KillBackend, KillGateway, Cut, Freeze, LosePackets, Slow, PauseAuthServer, PauseResourceAPI, PausePostgres,
    PauseGateway, FullDisk, ClockAhead, ClockBehind, FailOver, PowerLoss, Double,
)


def drawn(system: System, seed: int) -> Fault:
    """The fault of a seed: the kinds in turn, so that a hundred seeds in a row have each of them, the details by chance."""
    kind = KINDS[seed % len(KINDS)]
    impediment = kind.impediment(system)
    if impediment is not None:
        raise Impossible(f"{kind.name}: {impediment}")
    return kind(system, random.Random(f"fault {seed}"))


class Impossible(StackError):
    """A fault that this machine cannot have."""

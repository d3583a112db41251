"""What was asked and what was answered, in the order of a monotonic clock: everything that the checks judge a run by."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Seconds of a clock that no fault moves.
now = time.monotonic


@dataclass(slots=True)
class Event:
    """One request and what came of it. `status` is None where no answer came; `error` then says how sure it is that nothing was done:

    refused   no connection: nothing was sent
    lost      the connection ended: it may have been carried out
    silent    the client gave up waiting: it may have been carried out
    garbled   half an answer, or bytes that are none
    """

    kind: str
    target: str
    tenant: str
    began: float
    ended: float
    status: int | None
    error: str | None = None
    facts: dict = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 400

    @property
    def may_have_happened(self) -> bool:
        """Whether somebody who only knows the answer must reckon with the request's effect: a server that fails may have done it."""
        return self.error in ("lost", "silent", "garbled") or (self.status is not None and (self.is_good or self.status >= 500))

    def __str__(self) -> str:
        outcome = self.status if self.status is not None else self.error
        told = {name: value for name, value in self.facts.items() if name != "answer"}
        return f"{self.kind} of {self.tenant} at {self.target}, {self.began:.3f} to {self.ended:.3f}: {outcome} {told}"


@dataclass(slots=True)
class Window:
    """A fault, from its strike to its end. `silent` targets do not answer at all meanwhile; `skewed` ones have another time of day."""

    fault: str
    struck: float
    healed: float = float("inf")
    silent: frozenset[str] = frozenset()
    skewed: frozenset[str] = frozenset()

    def touches(self, began: float, ended: float, after: float = 0) -> bool:
        """Whether the fault, or the time `after` it, overlaps the interval."""
        return began <= self.healed + after and ended >= self.struck


class History:
    """Of one run. Events stand in the order of their ends."""

    def __init__(self):
        self.began = now()
        self.events: list[Event] = []
        self.windows: list[Window] = []
        #: What ended though nobody killed it, as the supervisor saw it.
        self.unexpected_ends: list[str] = []

    def of(self, *kinds: str) -> Iterator[Event]:
        return (event for event in self.events if event.kind in kinds)

    def is_disturbed(self, event: Event, after: float) -> bool:
        return any(window.touches(event.began, event.ended, after) for window in self.windows)


@dataclass
class FinalState:
    """What the database holds when a run is over, read past row-level security.

    `rows` and `counters` by tenant and name; `revocations` and `audited` are the targets of their tables' rows.
    """

    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    revocations: set[str] = field(default_factory=set)
    audited: set[str] = field(default_factory=set)
    #: What `auth-server audit verify --all` complains of.
    audit_problems: list[str] = field(default_factory=list)

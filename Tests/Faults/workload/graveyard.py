"""Tokens whose end was acknowledged, remembered for as long as the system is up: none may ever be accepted again."""

import random
from dataclasses import dataclass

from client import claims


@dataclass(frozen=True, slots=True)
class Corpse:
    """`cause` in words; `target` is what the log's entry names."""

    token: str
    name: str
    tenant: str
    cause: str
    target: str
    expires_at: int
    refresh_token: str | None = None

    @classmethod
    def of(cls, token: str, tenant: str, cause: str, refresh_token: str | None = None, target: str | None = None) -> "Corpse":
        said = claims(token)
        return cls(token, said["jti"], tenant, cause, target or said.get("grant_id") or said["jti"], said["exp"], refresh_token)


class Graveyard:
    def __init__(self):
        #: With the moment of the acknowledgement, by the history's clock.
        self.dead: list[tuple[Corpse, float]] = []

    def bury(self, corpse: Corpse, acknowledged: float) -> None:
        self.dead.append((corpse, acknowledged))

    def one(self, chance: random.Random) -> tuple[Corpse, float] | None:
        """Mostly of the latest, now and then of any age."""
        if not self.dead:
            return None
        return chance.choice(self.dead[-12:] if chance.random() < 0.6 else self.dead)

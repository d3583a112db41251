"""Codes and refresh tokens, each presented by two racers at the same moment, at any two doors."""

import asyncio
import secrets

from client import Asker, basic, claims
from history import Event
from person import Browser
from system import CALLBACK

from .graveyard import Corpse, Graveyard



class CodeRacer(Asker):
    """Signs in, races two exchanges of the one code, and buries what the loser's attempt ends."""

    def __init__(self, *arguments, browser: Browser, graveyard: Graveyard):
        super().__init__(*arguments)
        self.browser = browser
        self.graveyard = graveyard

    async def step(self) -> None:
        verifier = secrets.token_urlsafe(48)
        code = await self.browser.code(self, verifier)
        if code is None:
            return await self.pause(0.2, 0.5)
        answers = await asyncio.gather(*(redeem(self, code, verifier) for _ in range(2)))
        won = [(event, body) for event, body in answers if body]
        lost = [event for event, _ in answers if event.status == 400]
        # The loser is told after what the winner got has been taken back; unless its instance's clock called the code expired.
        if lost and not any(window.skewed for window in self.history.windows):
            for _, body in won:
                corpse = Corpse.of(body["access_token"], self.tenant.slug, "code used twice", body["refresh_token"])
                self.graveyard.bury(corpse, lost[0].ended)
        await self.pause(0.05, 0.3)


async def redeem(asker: Asker, code: str, verifier: str) -> tuple[Event, dict | None]:
    event, answer = await asker.ask(
        "redeem", asker.door("auth-server"), "POST", f"{asker.issuer}/oauth2/token", basic(asker.tenant.web),
        {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}, code=code, proper=(400,))
    if not event.is_good:
        return event, None
    body = answer.json()
    event.facts["told_tenant"] = claims(body["access_token"])["tenant"]
    return event, body


class Refresher(Asker):
    """Keeps one grant alive by rotating its refresh token, two racers for each; begins anew when the grant ends."""

    def __init__(self, *arguments, browser: Browser):
        super().__init__(*arguments)
        self.browser = browser
        self.refresh_token: str | None = None

    async def step(self) -> None:
        if self.refresh_token is None:
            return await self._begin()
        presented = self.refresh_token
        racers = 2 if self.random.random() < 0.7 else 1
        answers = await asyncio.gather(*(self._rotate(presented) for _ in range(racers)))
        successors = [body["refresh_token"] for _, body in answers if body]
        if successors:
            self.refresh_token = successors[0]
        elif any(event.status == 400 for event, _ in answers):
            self.refresh_token = None
        await self.pause(0.05, 0.2)

    async def _begin(self) -> None:
        verifier = secrets.token_urlsafe(48)
        code = await self.browser.code(self, verifier)
        if code is None:
            return await self.pause(0.2, 0.5)
        _, body = await redeem(self, code, verifier)
        if body:
            self.refresh_token = body["refresh_token"]

    async def _rotate(self, presented: str) -> tuple[Event, dict | None]:
        event, answer = await self.ask(
            "refresh", self.door("auth-server"), "POST", f"{self.issuer}/oauth2/token", basic(self.tenant.web),
            {"grant_type": "refresh_token", "refresh_token": presented}, presented=presented)
        if not event.is_good:
            return event, None
        body = answer.json()
        event.facts |= {"successor": body["refresh_token"], "told_tenant": claims(body["access_token"])["tenant"]}
        return event, body

"""Taking tokens back in every way there is, and trying the dead at every instance."""

import secrets

from client import Asker, basic, bearer, claims
from history import Event
from person import Browser

from .grants import redeem
from .graveyard import Corpse, Graveyard
from .rows import retried

JSON = {"Content-Type": "application/json"}


class Revoker(Asker):
    """Gets a token, shows it to both API instances so that they know it, has it revoked, and buries it once that is acknowledged."""

    def __init__(self, *arguments, browser: Browser, graveyard: Graveyard):
        super().__init__(*arguments)
        self.browser = browser
        self.graveyard = graveyard
        #: The administrator's token.
        self.administration: str | None = None

    async def step(self) -> None:
        way = self.random.choices(("token", "administered token", "grant", "administered grant", "session", "user"), (6, 2, 3, 1, 1, 1))[0]
        if way in ("token", "administered token"):
            token, refresh_token = await self.machine_token(), None
        else:
            token, refresh_token = await self._of_a_person()
        if token is None:
            return await self.pause(0.1, 0.3)
        for target in self.system.instances["resource-api"]:
            await self.ask("use", target, "GET", "/api/v1/ledger?limit=1", bearer(token), proper=(401,))
        said = claims(token)
        attempt = {
            "token": lambda: self._revoke(token, self.tenant.machine, said["jti"]),
            "grant": lambda: self._revoke(refresh_token, self.tenant.web, said.get("grant_id")),
            "administered token": lambda: self._administer({"token_id": said["jti"]}, said["jti"]),
            "administered grant": lambda: self._administer({"grant_id": said.get("grant_id")}, said.get("grant_id")),
            "session": lambda: self._administer({"session_id": said.get("sid")}, said.get("sid")),
            "user": lambda: self._administer({"user_id": said["sub"]}, said["sub"]),
        }[way]
        event = await retried(attempt, self)
        if event is not None and event.is_good:
            self.graveyard.bury(Corpse.of(token, self.tenant.slug, way, refresh_token, event.facts["revoked"]), event.ended)

    async def _of_a_person(self) -> tuple[str | None, str | None]:
        verifier = secrets.token_urlsafe(48)
        code = await self.browser.code(self, verifier)
        if code is None:
            return None, None
        _, body = await redeem(self, code, verifier)
        return (body["access_token"], body["refresh_token"]) if body else (None, None)

    async def _revoke(self, token: str, client, revoked: str) -> Event:
        event, _ = await self.ask(
            "revoke", self.door("auth-server"), "POST", f"{self.issuer}/oauth2/revoke", basic(client), {"token": token}, revoked=revoked)
        return event

    async def _administer(self, what: dict, revoked: str) -> Event:
        if self.administration is None:
            event, answer = await self.ask(
                "token", "gateway", "POST", f"{self.issuer}/oauth2/token", basic(self.tenant.administrator), {"grant_type": "client_credentials"})
            if not event.is_good:
                return Event("revoke", "gateway", self.tenant.slug, event.began, event.ended, None, "refused")
            self.administration = answer.json()["access_token"]
        token = self.administration
        event, _ = await self.ask(
            "revoke", self.door("auth-server"), "POST", f"{self.issuer}/admin/v1/revocations", bearer(token) | JSON, what, revoked=revoked)
        if event.status == 401:
            self.administration = None
        return event


class Prober(Asker):
    """Tries tokens of the dead at one instance."""

    def __init__(self, *arguments, target: str, graveyard: Graveyard):
        super().__init__(*arguments)
        self.target = target
        self.graveyard = graveyard

    async def step(self) -> None:
        found = self.graveyard.one(self.random)
        if found is None:
            return
        corpse, acknowledged = found
        await probe(self, self.target, corpse, acknowledged)
        if corpse.refresh_token and self.target.startswith("auth-server") and self.random.random() < 0.3:
            await self._rise(corpse, acknowledged)

    async def _rise(self, corpse: Corpse, acknowledged: float) -> None:
        """Its refresh token, which may not give another: that is asked of the database, so without any delay."""
        tenant = self.system.tenants[corpse.tenant]
        event, _ = await self.ask(
            "probe", self.target, "POST", f"/t/{corpse.tenant}/oauth2/token", basic(tenant.web),
            {"grant_type": "refresh_token", "refresh_token": corpse.refresh_token}, proper=(400,), token=corpse.name, cause=corpse.cause,
            acknowledged=acknowledged, bound=0.0)
        event.facts["accepted"] = event.is_good


async def probe(asker: Asker, target: str, corpse: Corpse, acknowledged: float) -> None:
    """One look at whether the instance takes the token for good."""
    facts = {"token": corpse.name, "cause": corpse.cause, "acknowledged": acknowledged}
    if target.startswith("resource-api"):
        event, _ = await asker.ask("probe", target, "GET", "/api/v1/ledger?limit=1", bearer(corpse.token), proper=(401,), **facts)
        event.facts["accepted"] = event.is_good
        return
    reader = asker.system.tenants[corpse.tenant].resource_server
    event, answer = await asker.ask("probe", target, "POST", f"/t/{corpse.tenant}/oauth2/introspect", basic(reader), {"token": corpse.token}, **facts)
    event.facts["accepted"] = event.is_good and answer.json()["active"] is True

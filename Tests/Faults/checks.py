"""What must be true of every run, each a function over its history and the database's final state. What they return is what was broken.

Each has a forged history in test_checks.py that it must object to.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

from history import Event, FinalState, History

#: Seconds after which no instance accepts a revoked token: the default staleness of the services.
REVOCATION_BOUND = 5.0
#: Seconds after a fault's end by which everything works again.
RECOVERY_BOUND = 5.0
#: Seconds by which every request is answered: the gateway's 2 to connect and 30 to wait, and a little for the machine that tests.
DEADLINE = 34.0
#: Seconds after a rotation for which the spent token still leads to its successor.
GRACE = 30.0
#: What a server may say while something it needs is away.
HONEST = {502, 503, 504}

Check = Callable[[History, FinalState], Iterator[str]]


def revocations_hold(history: History, final: FinalState) -> Iterator[str]:
    """An acknowledged revocation is never forgotten, and after the bound no instance accepts the token."""
    for event in history.of("probe"):
        bound = event.facts.get("bound", REVOCATION_BOUND)
        age = event.began - event.facts["acknowledged"]
        if event.facts.get("accepted") and age > bound:
            yield f"{event.target} accepted a token {age:.3f} s after its revocation ({event.facts['cause']}) was acknowledged: {event}"
    for event in history.of("revoke"):
        if event.is_good and event.facts["revoked"] not in final.revocations:
            yield f"the log does not have an acknowledged revocation: {event}"


def codes_have_one_winner(history: History, final: FinalState) -> Iterator[str]:
    """Of all who present one authorization code, one gets tokens at most."""
    winners = defaultdict(list)
    for event in history.of("redeem"):
        if event.is_good:
            winners[event.facts["code"]].append(event)
    for events in winners.values():
        if len(events) > 1:
            yield f"a code was redeemed {len(events)} times: {'; '.join(map(str, events))}"


def refresh_tokens_have_one_successor(history: History, final: FinalState) -> Iterator[str]:
    """Whoever presents one refresh token gets the same successor, or nothing."""
    successors = defaultdict(set)
    for event in history.of("refresh"):
        if event.is_good:
            successors[event.facts["presented"]].add(event.facts["successor"])
    for presented, given in successors.items():
        if len(given) > 1:
            yield f"the refresh token …{presented[-12:]} was exchanged for {len(given)} different ones"


def rotations_are_not_lost(history: History, final: FinalState) -> Iterator[str]:
    """A refresh token that was handed out is good when it is first presented: its rotation was durable.

    Unless it or one before it was used once more after the grace time, which ends the family: a request, such as the loser of a race, may have
    lain before a process that was stopped, whether somebody still waited for its answer or not. Where clocks differ, a token may be too old for one instance alone.
    """
    if any(window.skewed for window in history.windows):
        return
    rotations = defaultdict(list)
    for event in sorted(history.of("refresh"), key=lambda event: event.began):
        rotations[event.facts["presented"]].append(event)
    before = {event.facts["successor"]: presented for presented, events in rotations.items() for event in events if event.is_good}

    def came_late(token: str | None, end: float) -> bool:
        while token is not None:
            first = min((event.ended for event in rotations[token] if event.is_good), default=end)
            uncertain = any(not event.is_good and (event.status == 400 or event.may_have_happened) for event in rotations[token])
            if uncertain and end > first + GRACE:
                return True
            token = before.get(token)
        return False

    for token in before:
        first = rotations[token][0] if token in rotations else None
        if first is not None and first.status == 400 and not came_late(token, first.ended):
            yield f"a refresh token that had been handed out was refused: {first}"


def writes_exist_once(history: History, final: FinalState) -> Iterator[str]:
    """An acknowledged insert is there once, one that was not acknowledged at most once, whatever was retried."""
    attempts = defaultdict(list)
    for event in history.of("insert"):
        attempts[event.tenant, event.facts["name"]].append(event)
    for (tenant, name), events in attempts.items():
        found = final.rows.get((tenant, name), 0)
        wanted = {1} if any(event.is_good for event in events) else {0, 1}
        if found not in wanted:
            yield f"{tenant}'s row {name} is there {found} times after {len(events)} attempts: {'; '.join(map(str, events))}"


def increments_count_once(history: History, final: FinalState) -> Iterator[str]:
    """A counter is the number of keys that were acknowledged, or more by those that nobody was told about."""
    keys: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for event in history.of("add"):
        known = keys[event.tenant, event.facts["name"]]
        key = event.facts["key"]
        if event.is_good:
            known[key] = "done"
        elif event.may_have_happened and known.get(key) != "done":
            known[key] = "perhaps"
    for (tenant, name), known in keys.items():
        least = sum(outcome == "done" for outcome in known.values())
        value = final.counters.get((tenant, name))
        if value is None or not least <= value <= len(known):
            yield f"{tenant}'s counter {name} is {value}: {least} were acknowledged, {len(known) - least} are uncertain"


def registers_never_go_back(history: History, final: FinalState) -> Iterator[str]:
    """No read, and not the end, shows less than was acknowledged before it began, or what nobody wrote."""
    writes = defaultdict(list)
    for event in history.of("set"):
        writes[event.tenant, event.facts["name"]].append(event)

    def judge(tenant: str, name: str, value: int, began: float, ended: float, who: str) -> Iterator[str]:
        events = writes[tenant, name]
        floor = max((event.facts["value"] for event in events if event.is_good and event.ended < began), default=0)
        asked = {event.facts["value"] for event in events if event.began <= ended} | {0}
        if value < floor:
            yield f"{who} shows {value} of {tenant}'s {name} after {floor} was acknowledged"
        if value not in asked:
            yield f"{who} shows {value} of {tenant}'s {name}, which nobody wrote"

    for event in history.of("read"):
        for name, value in event.facts.get("values", {}).items():
            if (event.tenant, name) in writes:
                yield from judge(event.tenant, name, value, event.began, event.ended, f"a read at {event.target}")
    for tenant, name in list(writes):
        value = final.counters.get((tenant, name))
        if value is None:
            yield f"{tenant}'s register {name} is gone"
        else:
            yield from judge(tenant, name, value, float("inf"), float("inf"), "the end")


def tenants_stay_apart(history: History, final: FinalState) -> Iterator[str]:
    """No answer to one tenant holds a row of another, no token speaks for another, and the other's door stays shut."""
    for event in history.events:
        strangers = event.facts.get("marks", set()) - {event.tenant}
        if strangers:
            yield f"rows of {strangers} in an answer to {event.tenant}: {event}"
        if event.facts.get("told_tenant", event.tenant) != event.tenant:
            yield f"a token of {event.facts['told_tenant']} was given to {event.tenant}: {event}"
        if event.kind == "cross" and event.is_good:
            yield f"a token of {event.tenant} opened another tenant's door: {event}"


def audit_is_whole(history: History, final: FinalState) -> Iterator[str]:
    """The chain verifies, and tells of every acknowledged revocation."""
    yield from final.audit_problems
    for event in history.of("revoke"):
        if event.is_good and event.facts["revoked"] not in final.audited:
            yield f"the audit log does not tell of an acknowledged revocation: {event}"


def no_request_hangs(history: History, final: FinalState) -> Iterator[str]:
    """Every request ends within its deadline, counted from when its server could speak again."""
    for event in history.events:
        spoken_to = max([event.began, *(w.healed for w in history.windows if event.target in w.silent and w.touches(event.began, event.ended))])
        if event.ended - spoken_to > DEADLINE or event.error == "silent":
            yield f"{event.ended - spoken_to:.1f} s without an answer: {event}"


def errors_are_honest(history: History, final: FinalState) -> Iterator[str]:
    """While a fault lasts, what cannot be done is answered as unavailable, never as the client's mistake or as a bug."""
    for event in history.events:
        if event.is_good or event.status is None or event.status in HONEST or event.status in event.facts.get("proper", ()):
            continue
        # Its own clock makes a token too old or too young, a code expired, a sign-in page stale.
        if event.status in (400, 401, 422, 429) and any(w.skewed and w.touches(event.began, event.ended, RECOVERY_BOUND) for w in history.windows):
            continue
        # A grant that ended, where its holder may have been told too late, is checked by rotations_are_not_lost.
        if event.kind == "refresh" and event.status == 400:
            continue
        yield f"a dishonest answer: {event}"


def recovers_by_itself(history: History, final: FinalState) -> Iterator[str]:
    """Nothing fails before the fault, nor later than the bound after its end; and nothing ends that nobody killed."""
    for event in history.events:
        if is_proper(event) or history.is_disturbed(event, RECOVERY_BOUND):
            continue
        late = [event.began - window.healed for window in history.windows if window.healed < event.began]
        yield f"failed {f'{min(late):.1f} s after the end of the fault' if late else 'though nothing was wrong'}: {event}"
    yield from history.unexpected_ends


def is_proper(event: Event) -> bool:
    return event.is_good or event.status in event.facts.get("proper", ())


CHECKS: tuple[Check, ...] = (
    revocations_hold, codes_have_one_winner, refresh_tokens_have_one_successor, rotations_are_not_lost, writes_exist_once, increments_count_once,
    registers_never_go_back, tenants_stay_apart, audit_is_whole, no_request_hangs, errors_are_honest, recovers_by_itself,
)


def broken(history: History, final: FinalState) -> list[str]:
    """Every violation, with the check that found it."""
    return [f"{check.__name__}: {found}" for check in CHECKS for found in check(history, final)]

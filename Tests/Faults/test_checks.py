"""Each check objects to a history in which what it guards against has happened, and to nothing in the same history without it."""

import pytest
from checks import (
    CHECKS, audit_is_whole, broken, codes_have_one_winner, errors_are_honest, increments_count_once, no_request_hangs, recovers_by_itself,
    refresh_tokens_have_one_successor, registers_never_go_back, revocations_hold, rotations_are_not_lost, tenants_stay_apart, writes_exist_once,
)
from history import Event, FinalState, History, Window


def event(kind: str, at: float, status: int | None = 200, *, lasts: float = 0.01, error: str | None = None, target: str = "gateway", **facts) -> Event:
    return Event(kind, target, "acme", at, at + lasts, status, error, facts)


def sound() -> tuple[History, FinalState]:
    """A run in which everything happened once, and nothing wrong: a fault between 10 and 12, and what it may do to requests."""
    history = History()
    history.windows = [Window("fault", 10, 12, silent=frozenset({"resource-api-2"}))]
    history.events = [
        event("revoke", 1, revoked="jti-1"),
        event("probe", 2, token="jti-1", cause="token", acknowledged=1.01, accepted=True),
        event("probe", 7, 401, proper=(401,), token="jti-1", cause="token", acknowledged=1.01, accepted=False),
        event("redeem", 1, code="c1", told_tenant="acme"), event("redeem", 1, 400, code="c1", proper=(400,)),
        event("refresh", 2, presented="r1", successor="r2", told_tenant="acme"), event("refresh", 2, presented="r1", successor="r2"),
        event("refresh", 3, presented="r2", successor="r3"),
        event("insert", 2, 201, name="one"), event("insert", 10.5, None, error="lost", name="two"), event("insert", 11, 503, name="three"),
        event("insert", 13, 503, name="four"), event("insert", 14, 201, name="four"),
        event("add", 2, name="sum", key=1), event("add", 10.5, None, error="lost", name="sum", key=2), event("add", 13, name="sum", key=2),
        event("add", 11, None, error="refused", name="sum", key=3),
        event("set", 2, 204, name="last", value=1), event("read", 3, marks={"acme"}, values={"last": 1}),
        event("set", 11, None, error="lost", name="last", value=2), event("read", 13, marks={"acme"}, values={"last": 2}),
        event("cross", 3, 403, proper=(403,)),
        event("read", 9.5, None, error="lost", lasts=1),
        event("read", 10.5, target="resource-api-2", lasts=30),
        event("read", 18),
    ]
    final = FinalState(
        rows={("acme", "one"): 1, ("acme", "two"): 1, ("acme", "four"): 1}, counters={("acme", "sum"): 2, ("acme", "last"): 2},
        revocations={"jti-1"}, audited={"jti-1"})
    return history, final


def test_nothing_is_wrong_with_a_sound_run():
    assert broken(*sound()) == []


def dies(*forged: Event):
    return lambda history, final: history.events.extend(forged)


def put(field: str, key, value):
    return lambda history, final: getattr(final, field).__setitem__(key, value)


FORGERIES = {
    "accepted after the bound": (revocations_hold, dies(event("probe", 6.02, token="jti-1", cause="token", acknowledged=1.01, accepted=True))),
    "a dead refresh token that gives another": (
        revocations_hold, dies(event("probe", 1.02, token="jti-1", cause="grant", acknowledged=1.01, accepted=True, bound=0.0))),
    "a revocation that the log lost": (revocations_hold, lambda history, final: final.revocations.clear()),
    "a code with two winners": (codes_have_one_winner, dies(event("redeem", 1.5, code="c1"))),
    "a fork of a family": (refresh_tokens_have_one_successor, dies(event("refresh", 2.5, presented="r1", successor="r9"))),
    "a rotation that was forgotten": (rotations_are_not_lost, dies(event("refresh", 4, 400, presented="r3"))),
    "an acknowledged row that is gone": (writes_exist_once, put("rows", ("acme", "one"), 0)),
    "an acknowledged row that is there twice": (writes_exist_once, put("rows", ("acme", "four"), 2)),
    "an unacknowledged row that is there twice": (writes_exist_once, put("rows", ("acme", "two"), 2)),
    "an increment that counted twice": (increments_count_once, put("counters", ("acme", "sum"), 3)),
    "an increment that was lost": (increments_count_once, put("counters", ("acme", "sum"), 1)),
    "a read of what was before": (registers_never_go_back, dies(event("read", 4, values={"last": 0}, marks={"acme"}))),
    "a read of what nobody wrote": (registers_never_go_back, dies(event("read", 4, values={"last": 7}, marks={"acme"}))),
    "an acknowledged change that is gone": (registers_never_go_back, put("counters", ("acme", "last"), 0)),
    "another tenant's row": (tenants_stay_apart, dies(event("read", 4, marks={"acme", "globex"}))),
    "another tenant's token": (tenants_stay_apart, dies(event("token", 4, told_tenant="globex"))),
    "an open door": (tenants_stay_apart, dies(event("cross", 4))),
    "a broken chain": (audit_is_whole, lambda history, final: final.audit_problems.append("row 3 was changed")),
    "a revocation that nobody recorded": (audit_is_whole, lambda history, final: final.audited.clear()),
    "an answer too late": (no_request_hangs, dies(event("read", 4, lasts=35))),
    "an answer too late from who was silent": (no_request_hangs, dies(event("read", 11, lasts=36, target="resource-api-2"))),
    "no answer at all": (no_request_hangs, dies(event("read", 11, None, error="silent", lasts=20))),
    "a bug told as such": (errors_are_honest, dies(event("read", 11, 500))),
    "a fault told as the client's mistake": (errors_are_honest, dies(event("insert", 11, 400, name="five"))),
    "a failure before the fault": (recovers_by_itself, dies(event("read", 9, 503))),
    "a failure after the bound": (recovers_by_itself, dies(event("read", 17.1, None, error="refused"))),
    "an end that nobody caused": (recovers_by_itself, lambda history, final: history.unexpected_ends.append("resource-api ended with signal 11")),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_run_is_found_out(forgery):
    check, forge = forgery
    history, final = sound()
    forge(history, final)
    assert list(check(history, final))


def test_every_check_can_fail():
    assert {check for check, _ in FORGERIES.values()} == set(CHECKS)


@pytest.mark.parametrize("status, error", [(400, None), (504, None), (None, "lost")])
def test_a_spent_token_that_comes_late_ends_its_family(status, error):
    history, final = sound()
    history.events += [event("refresh", 3.5, presented="r3", successor="r4"), event("refresh", 33, 400, presented="r4")]
    assert list(rotations_are_not_lost(history, final))
    history.events.append(event("refresh", 2.5, status, error=error, presented="r1", lasts=30))
    assert not list(rotations_are_not_lost(history, final))
    history.events[-2].ended = 31
    assert list(rotations_are_not_lost(history, final)), "within the grace time"


def test_the_loser_of_a_race_may_be_refused_when_it_lay_before_a_stopped_process():
    history, final = sound()
    history.events.append(event("refresh", 2.9, 400, presented="r2", lasts=31))
    assert not list(rotations_are_not_lost(history, final))
    history.events[-1].ended = 30
    assert list(rotations_are_not_lost(history, final)), "within the grace time"


def test_clocks_that_differ_excuse_a_refused_rotation_and_nothing_else():
    history, final = sound()
    history.windows = [Window("clock", 10, 12, skewed=frozenset({"auth-server-2"}))]
    history.events += [event("refresh", 11, 400, presented="r3"), event("read", 11, 401)]
    assert not list(rotations_are_not_lost(history, final)) and not list(errors_are_honest(history, final))
    history.events.append(event("read", 11, 500))
    assert list(errors_are_honest(history, final))

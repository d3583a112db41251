"""Both instances of both services are restarted one after the other under load: nobody notices."""

import secrets

import pytest
from support import eventually




@pytest.mark.parametrize("order", ["one at a time", "both services at once"])
def test_a_rolling_restart_loses_no_request(stack, sallyport, offers, is_full, order):
    rounds = 5 if is_full else 1
    mark = secrets.token_hex(4)
    row = {"name": f"rolling {mark}", "email": f"{mark}@example.com"}
    # Restarts take as long as they take: the offers end when they are stopped by their time, which is long enough for all.
    seconds = (16 if order == "one at a time" else 9) * rounds + 4
    running = [
        offers.start("tokens", [offers.token()], offers.gateway, 150, seconds),
        offers.start("rows", [offers.rows("limit=20")], offers.gateway, 150, seconds),
        offers.start("inserts", [offers.insert(row)], offers.gateway, 75, seconds),
        # So few that connections between the gateway and the services lie idle now and then.
        offers.start("rare tokens", [offers.token()], offers.gateway, 1.7, seconds, connections=2),
        offers.start("rare inserts", [offers.insert(row)], offers.gateway, 1.3, seconds, connections=2),
    ]
    eventually(lambda: stored(sallyport, mark) > 20, 20, "load")
    pids = {name: process.pid for name, process in stack.services.items()}
    for _ in range(rounds):
        for number in (1, 2):
            if order == "one at a time":
                for service in ("auth-server", "resource-api"):
                    restart(stack, [(service, number)])
            else:
                restart(stack, [("auth-server", number), ("resource-api", number)])
    assert all(offer.child.poll() is None for offer in running), "the load must outlast the restarts"
    outcomes = {outcome["name"]: outcome for outcome in (offer.outcome() for offer in running)}
    for outcome in outcomes.values():
        assert outcome["good"] == outcome["due"] > 0, outcomes
    assert all(process.pid != pids[name] for name, process in stack.services.items())
    assert stored(sallyport, mark) == outcomes["inserts"]["good"] + outcomes["rare inserts"]["good"], "what was acknowledged is there, once"


def restart(stack, instances: list[tuple[str, int]]) -> None:
    """Tells all to stop, waits for all, and starts them again."""
    for service, number in instances:
        stack.services[f"{service}-{number}" if number > 1 else service].child.terminate()
    for service, number in instances:
        assert stack.stop_service(service, number) == 0
        stack.start_service(service, number)


def stored(sallyport, mark: str) -> int:
    return int(sallyport.sql(f"SELECT count(*) FROM api.customers WHERE name = 'rolling {mark}'"))

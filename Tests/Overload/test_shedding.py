"""Five times what a service can do: it does what it can, refuses the rest at once, and stays alive."""

import os
from pathlib import Path

import pytest
from offers import Watch, memory

OVERLOAD = 5
GOAL = 0.8
DEADLINE_MS = 1000
# Of who asks too much: twice as many as a service works on at once. What finds none of them free is not sent.
CONNECTIONS = 2000
MEMORY_MB = 150
# Connections that keep a service busy, and no longer than a request may take.
CALM = {"rows": 64, "report": 64, "tokens": 64, "passwords": 4}


@pytest.fixture(scope="module")
def apart(stack):
    """Services and database share one half of the processors, and who asks has the other: what asking costs is not their loss."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one processor cannot tell the costs of asking from those of answering")
    here, there = set(cpus[len(cpus) // 2:]), set(cpus[:len(cpus) // 2])
    processes = [*stack.services.values(), stack.cluster.process]
    pids = [pid for process in processes for pid in (process.pid, *children(process.pid))]
    for pid in pids:
        pin(pid, there)
    pin(os.getpid(), here)
    yield
    for pid in [*pids, os.getpid()]:
        pin(pid, set(cpus))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pin(pid: int, cpus: set[int]) -> None:
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), cpus)
    except (ProcessLookupError, FileNotFoundError):
        pass


def loads(sallyport, offers) -> dict:
    """What is asked, by what it costs: little or much of the database's time, an event loop's, or that of the threads for passwords."""
    users = people(sallyport, 2000)
    password = sallyport.user("user")["password"]
    return {
        "rows": ("resource-api", [offers.rows(f"limit=200&order=name&offset={n}") for n in range(10)]),
        "report": ("resource-api", [
            offers.rows(f"select=*,orders(*,order_items(*))&limit=20&order=name&offset={n}", "customers:read orders:read order_items:read")
            for n in range(10)]),
        "tokens": ("auth-server", [offers.token()]),
        "passwords": ("auth-server", [
            offers.token("legacy", f"10.1.{number // 250}.{number % 250}", grant_type="password", username=user, password=password, scope="customers:read")
            for number, user in enumerate(users)]),
    }


def people(sallyport, count: int) -> list[str]:
    """Many with the password of one: a person who signs in often at once is held up."""
    sallyport.sql(f"""
        WITH one AS (SELECT a.*, m.tenant_id, m.role_name FROM auth.account AS a JOIN auth.membership AS m ON m.account_id = a.id
                      WHERE a.email = '{sallyport.user("user")["username"]}'),
             made AS (INSERT INTO auth.account (id, email, is_email_verified, name, password_hash, password_changed_at, managing_tenant_id)
                      SELECT gen_random_uuid(), 'crowd' || number || '@example.com', true, name, password_hash, password_changed_at, managing_tenant_id
                        FROM one, generate_series(1, {count}) AS number
                       WHERE NOT EXISTS (SELECT FROM auth.account WHERE email = 'crowd1@example.com')
                      RETURNING id)
        INSERT INTO auth.membership (tenant_id, account_id, role_name) SELECT tenant_id, made.id, role_name FROM made, one""")
    return [f"crowd{number}@example.com" for number in range(1, count + 1)]


@pytest.mark.parametrize("kind", ["rows", "report", "tokens", "passwords"])
def test_five_times_the_sustainable_load(stack, sallyport, offers, is_full, apart, kind):
    service, messages = loads(sallyport, offers)[kind]
    port, url, pid = stack.settings.ports[service], stack.settings.url(service), stack.services[service].pid
    seconds = 10 if is_full else 4
    offers.run(kind, messages, port, 0, 1, connections=CALM[kind], deadline_ms=DEADLINE_MS)
    calm = offers.run(kind, messages, port, 0, seconds, connections=CALM[kind], deadline_ms=DEADLINE_MS)
    assert calm["good"] >= calm["due"] * 0.99, calm
    peak = calm["good"] / seconds
    idle = memory(pid)
    with Watch(url, pid) as watch:
        storm = offers.run(kind, messages, port, OVERLOAD * peak, seconds, connections=CONNECTIONS, deadline_ms=DEADLINE_MS)
    ratio = storm["good"] / seconds / peak
    print(f"\n{kind}: {peak:.0f}/s sustained; offered {OVERLOAD} times that: goodput {ratio:.0%}, 99 % in {storm['p99']:.0f} ms, refused in {storm['refused_p99']:.0f} ms; "
          f"health in {watch.slowest * 1000:.0f} ms at most; {idle:.0f} MB before, {watch.peak:.0f} MB at most\n{storm}")
    watch.check()
    assert watch.slowest < 2
    assert not storm["statuses"] and storm["late"] < storm["due"] / 100, "what is not answered is refused, with 503 or 429"
    assert ratio > GOAL
    assert watch.peak < idle + MEMORY_MB
    after = offers.run(kind, messages, port, 0, 1, connections=CALM[kind], deadline_ms=DEADLINE_MS)
    assert after["good"] == after["due"] and after["good"] > peak / 2, "as before"

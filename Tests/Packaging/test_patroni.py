"""docs/OPERATIONS.md, PostgreSQL with Patroni: its steps on three machines with nothing but Debian, and the services of a fourth that find each new primary."""

import json
import time

import documents
import pytest
from conftest import CHECKOUT
from machine import Machine, Site
from support import eventually

SECTION = "PostgreSQL with Patroni"
NODES = {"pg1": "10.0.0.21", "pg2": "10.0.0.22", "pg3": "10.0.0.23"}
NAME = "id.example.com"
PATRONICTL = ("patronictl", "-c", "/etc/patroni/config.yml")


@pytest.fixture(scope="module")
def site():
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def nodes(site) -> dict[str, Machine]:
    nodes = {name: site.boot(name, address, **NODES) for name, address in NODES.items()}
    for name in nodes:
        site.follow(name, SECTION, 1, seconds=600)
    for name in nodes:
        site.follow(name, SECTION, 2)
    for name in nodes:
        eventually(lambda: nodes[name].state("etcd") == "active", 60, f"etcd on {name}\n{nodes[name].log('etcd')}")
    site.follow("pg1", SECTION, 3)
    for name in ("pg2", "pg3"):
        nodes[name].run("mkdir", "-p", "/etc/patroni")
        site.carry("/etc/patroni/passwords", "pg1", name)
    for name in nodes:
        site.follow(name, SECTION, 4)
    eventually(lambda: roles(nodes["pg1"]) == ["Leader", "Replica", "Sync Standby"], 120, f"the cluster\n{nodes['pg1'].log('patroni')}")
    return nodes


def members(machine: Machine) -> list[dict]:
    done = machine.run(*PATRONICTL, "list", "-f", "json", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else []


def roles(machine: Machine) -> list[str]:
    """Of the members that are what they should be."""
    return sorted(member["Role"] for member in members(machine) if member["State"] in ("running", "streaming"))


def leader(machine: Machine) -> str | None:
    return next((member["Member"] for member in members(machine) if member["Role"] == "Leader" and member["State"] == "running"), None)


def test_a_leader_a_synchronous_standby_and_a_replica(site, nodes):
    printed = site.follow("pg2", SECTION, 5)
    assert "Leader" in printed and "Sync Standby" in printed and "Replica" in printed
    primary = nodes[leader(nodes["pg1"])]
    assert primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", "postgres") == "1"


@pytest.fixture(scope="module")
def services(site, nodes) -> Machine:
    """A deployment as on one machine, until it is told of the cluster."""
    package = CHECKOUT / ".build/sallyport.tar.gz"
    assert package.exists(), "make package"
    services = site.boot("services", "10.0.0.11", id_example_com="10.0.0.11", **NODES)
    site.give("services", package, "/root/sallyport.tar.gz")
    site.follow("services", "Install", seconds=600)
    site.follow("services", "Secrets and the database")
    site.follow("services", "Start")
    primary = leader(nodes["pg1"])
    nodes[primary].run("install", "-d", "-m", "700", "/etc/sallyport/secrets")
    for role in ("owner", "auth", "api"):
        site.carry(f"/etc/sallyport/secrets/{role}.password", "services", primary)
    site.follow(primary, SECTION, 6)
    site.follow("services", SECTION, 7)
    for port in (8081, 8082):
        eventually(lambda: is_ready(services, port), 60, f"port {port} being ready\n{services.log('sallyport-migrate')}{services.log('sallyport-auth@8081')}")
    services.run("systemctl", "stop", "postgresql")
    return services


def is_ready(services: Machine, port: int) -> bool:
    return services.run("curl", "-sf", f"http://127.0.0.1:{port}/readyz", check=False).returncode == 0


def create(services: Machine, slug: str) -> bool:
    """A write that was acknowledged, or none."""
    return services.run("sallyport-exec", "auth-server", "tenant", "create", slug, check=False).returncode == 0


def processes(services: Machine) -> list[str]:
    return [services.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip() for unit in ("sallyport-auth@8081", "sallyport-api@8082")]


def test_services_work_with_the_cluster(services, nodes):
    assert create(services, "before-it")
    for name in nodes:
        eventually(lambda: nodes[name].sql("SELECT count(*) FROM auth.tenant WHERE slug = 'before-it'") == "1", 20, f"replication to {name}")
    ssl = nodes[leader(nodes["pg1"])].sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename LIKE 'sallyport%'")
    assert ssl == "t"


def test_a_switchover_is_survived_without_a_restart(site, services, nodes):
    before, running = leader(nodes["pg1"]), processes(services)
    site.follow("pg1", SECTION, 8)
    eventually(lambda: leader(nodes["pg1"]) not in (None, before), 60, "another leader")
    for port in (8081, 8082):
        eventually(lambda: is_ready(services, port), 60, f"port {port} being ready again")
    assert create(services, "after-it")
    assert processes(services) == running


def test_what_was_acknowledged_survives_the_loss_of_the_primary(site, services, nodes):
    eventually(lambda: roles(nodes["pg1"]) == ["Leader", "Replica", "Sync Standby"], 90, "three members again")
    running, lost = processes(services), leader(nodes["pg1"])
    witness = nodes[next(name for name in nodes if name != lost)]
    acknowledged, number = set(), 0
    # As when its power is gone: no shutdown, no last word. Its etcd dies with it.
    began = time.monotonic()
    killed = False
    while time.monotonic() < began + 120:
        number += 1
        if create(services, f"made-{number}"):
            acknowledged.add(f"made-{number}")
        if not killed and len(acknowledged) >= 5:
            site.kill(lost)
            killed = True
            at_kill = len(acknowledged)
        if killed and len(acknowledged) >= at_kill + 5:
            break
    primary = leader(witness)
    assert primary not in (None, lost)
    there = set(nodes[primary].sql("SELECT slug FROM auth.tenant").split())
    assert len(acknowledged) >= 10 and acknowledged <= there
    for port in (8081, 8082):
        eventually(lambda: is_ready(services, port), 60, f"port {port} being ready again")
    assert processes(services) == running


def test_every_block_was_followed(site, request):
    if len(request.session.items) < 4:
        pytest.skip("only some of the tests were run")
    wanted = {(block.section, block.number) for block in documents.run_by("Tests/Packaging/test_patroni.py")}
    assert wanted <= set(site.followed)

"""What the tests of tenants that move share."""

import contextlib
import subprocess

from sallystack.cluster import SUPERUSER, clean_environment, program
from support import Sallyport, eventually


def tenant_id(sallyport: Sallyport, slug: str) -> str:
    return sallyport.sql(f"SELECT id FROM auth.tenant WHERE slug = '{slug}'")


def begun(sallyport: Sallyport, *arguments, **variables: str) -> subprocess.Popen:
    """`auth-server tenant …`, under way."""
    stack = sallyport.stack
    return subprocess.Popen(
        [stack.binary("auth-server"), "tenant", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=stack.environment("command line") | variables)


def ended(command: subprocess.Popen, seconds: float = 60) -> subprocess.CompletedProcess:
    try:
        output, errors = command.communicate(timeout=seconds)
    finally:
        command.kill()
    assert "Fatal error" not in errors
    return subprocess.CompletedProcess(command.args, command.returncode, output, errors)


def move(sallyport: Sallyport, *arguments, check: bool = False, **variables: str) -> subprocess.CompletedProcess:
    """`auth-server tenant …`, to its end."""
    done = ended(begun(sallyport, *arguments, **variables))
    assert not check or done.returncode == 0, done.stderr
    return done


def contents(sallyport: Sallyport) -> str:
    """How many rows each table has."""
    return sallyport.sql("""
        SELECT string_agg(format('%s %s', relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', nspname, relname), false, true, '')))[1]), ', ' ORDER BY relname)
          FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('auth', 'api', 'warehouse', 'sallyport') AND relkind = 'r'
           AND relname NOT LIKE 'row_audit_2024%'""")


@contextlib.contextmanager
def held(sallyport: Sallyport, statement: str):
    """Has a superuser's transaction keep what the statement locks."""
    session = subprocess.Popen(
        [program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", sallyport.stack.cluster.url(SUPERUSER, "sallyport")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        session.stdin.write(f"BEGIN;\n{statement};\nSELECT 'held';\n")
        session.stdin.flush()
        while (line := session.stdout.readline()) != "held\n":
            assert line, "psql has ended"
        yield
    finally:
        session.stdin.close()
        session.wait(timeout=20)


def waits_for_a_lock(sallyport: Sallyport) -> None:
    eventually(
        lambda: sallyport.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'sallyport_owner' AND wait_event_type = 'Lock'") != "0",
        seconds=30, what="the command waits for a lock")

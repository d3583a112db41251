"""The resource API's own loads: each request beside pgbench with the very statements that it sends, exports beside COPY, and one tenant's lists
beside another tenant's heavy reads."""

import json
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from load import Load, MemoryPeak, pgbench, wrk
from sallystack import StackError
from sallystack.cluster import clean_environment, program
from sallystack.stack import Stack
from sent import Request, script, sent

EXPORTED_ROWS = 1_000_000
EXPORT = "/api/v1/customers/export?select=id,name,email,phone"
LIST = "/api/v1/customers?select=id,name,email,phone&order=name&limit=20"
EMBED = "/api/v1/customers?select=id,name,orders(id,status,total,placed_at)&order=name&limit=20&orders.order=placed_at&orders.limit=5"
INSERT = json.dumps({"name": "Benchmark", "email": "benchmark@example.com", "phone": "+1 555 0100"})
HEAVY = "/api/v1/customers?select=id&email=like.*nobody*&limit=1"


@dataclass(frozen=True)
class Pair:
    """A load and its limit."""

    name: str
    request: Request
    lua: str
    arguments: tuple[str, ...]


class Resources:
    def __init__(self, stack: Stack, tokens: Path, token: str, other: str, other_tenant: str):
        """token: of the tenant that is measured; other: of another one, which also has the rows that are exported."""
        self.stack, self.tokens, self.token, self.other, self.other_tenant = stack, tokens, token, other, other_tenant
        self.url = stack.settings.url("resource-api")
        stack.cluster.run_sql(
            "INSERT INTO api.orders (tenant_id, customer_id, status) SELECT tenant_id, id, 'new' FROM api.customers, generate_series(1, 5); ANALYZE",
            "sallyport")
        first = json.loads(Request("GET", LIST, token).send(stack))[0]["id"]
        files = (str(tokens),)
        self.pairs = [
            Pair("list", Request("GET", LIST, token), "list.lua", files),
            Pair("by key", Request("GET", f"/api/v1/customers?id=eq.{first}&select=id,name,email,phone", token), "list.lua", files),
            Pair("insert", Request("POST", "/api/v1/customers", token, INSERT, (("Prefer", "return=minimal"),)), "post.lua", (*files, INSERT)),
            Pair("embed 20 × 5", Request("GET", EMBED, token), "list.lua", files),
        ]
        self.statements = {pair.name: sent(stack, pair.request) for pair in self.pairs}
        self.scripts = {name: script(stack, name.replace(" ", "-"), statements) for name, statements in self.statements.items()}

    def load(self, pair: Pair, seconds: float, connections: int) -> Load:
        try:
            return wrk(self.url + pair.request.path, seconds, connections, pair.lua, *pair.arguments)
        finally:
            self._clean(pair)

    def limit(self, pair: Pair, seconds: float, connections: int) -> float:
        path, variables = self.scripts[pair.name]
        try:
            return pgbench(self.stack.cluster, seconds, connections, variables, str(path))
        finally:
            self._clean(pair)

    def _clean(self, pair: Pair) -> None:
        if pair.name == "insert":
            self.stack.cluster.run_sql("DELETE FROM api.customers WHERE name = 'Benchmark'", "sallyport")
            self.stack.cluster.run_sql("VACUUM api.customers", "sallyport")

    def fill(self) -> None:
        self.stack.cluster.run_sql(
            f"INSERT INTO api.customers (tenant_id, name, email, phone) SELECT '{self.other_tenant}', 'Customer number ' || i,"
            f" 'customer' || i || '@example.com', CASE WHEN i % 3 > 0 THEN '+49 30 ' || i END FROM generate_series(1, {EXPORTED_ROWS}) AS i",
            "sallyport")
        self.stack.cluster.run_sql("VACUUM ANALYZE api.customers", "sallyport")

    def export(self) -> tuple[float, float, float]:
        """Seconds of an export and of COPY for the same rows, and the service's largest resident memory in MB."""
        with MemoryPeak(self.stack.services["resource-api"].pid) as sampled:
            exported = self._timed(
                ["curl", "-sS", "--fail", "-o", "/dev/null", "-H", f"@{self._header_file()}", self.url + EXPORT], {})
        copied = self._timed(
            [program("psql"), "-X", "-q", "-d", self.stack.cluster.url("sallyport_api"), "-o", "/dev/null",
             "-c", "COPY (SELECT id, name, email, phone FROM api.customers) TO STDOUT (FORMAT csv, HEADER)"],
            {"PGOPTIONS": f"-c sallyport.tenant_id={self.other_tenant}"})
        return exported, copied, sampled.peak

    def _header_file(self) -> Path:
        path = self.stack.settings.directory / "export-header"
        path.touch(mode=0o600)
        path.write_text(f"Authorization: Bearer {self.other}\n")
        return path

    @staticmethod
    def _timed(command: list, environment: dict[str, str]) -> float:
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment() | environment, timeout=120)
        if done.returncode != 0:
            raise StackError(f"{command[0]}: {done.stderr}")
        return time.monotonic() - started

    def fairness(self, seconds: float) -> tuple[Load, Load]:
        """Lists of one tenant over four connections: alone, and beside another tenant that reads a million rows ten times at once."""
        alone = wrk(self.url + LIST, seconds, 4, "list.lua", str(self.tokens))
        other_tokens = self.stack.settings.directory / "other-tokens"
        other_tokens.touch(mode=0o600)
        other_tokens.write_text(self.other + "\n")
        heavy = threading.Thread(target=lambda: wrk(self.url + HEAVY, seconds + 2, 10, "list.lua", str(other_tokens)))
        heavy.start()
        time.sleep(1)
        beside = wrk(self.url + LIST, seconds, 4, "list.lua", str(self.tokens))
        heavy.join()
        return alone, beside


def median(values: list[float]) -> float:
    return statistics.median(values)

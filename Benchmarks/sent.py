"""What resource-api sends for a request, word for word, as a script for pgbench: the limit then does the very same work."""

import http.client
import re
from dataclasses import dataclass
from pathlib import Path

from sallystack import StackError
from sallystack.stack import Stack

EXECUTED = re.compile(r"LOG:  execute \w+: (.*)")
PARAMETERS = re.compile(r"DETAIL:  [Pp]arameters: (.*)")
PARAMETER = re.compile(r"\$(\d+) = (NULL|'((?:[^']|'')*)')")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    token: str
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, stack: Stack) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", stack.settings.ports["resource-api"], timeout=30)
        try:
            headers = dict(self.headers) | {"Authorization": "Bearer " + self.token}
            if self.body is not None:
                headers.setdefault("Content-Type", "application/json")
            connection.request(self.method, self.path, self.body, headers)
            answer = connection.getresponse()
            body = answer.read()
            if not 200 <= answer.status < 300:
                raise StackError(f"{self.method} {self.path}: {answer.status} {body[:300]!r}")
            return body
        finally:
            connection.close()


def sent(stack: Stack, request: Request) -> list[tuple[str, list[str | None]]]:
    """The statements of one request, in order, each with its parameters."""
    request.send(stack)
    log = stack.settings.directory / "log" / "postgres.log"
    stack.cluster.run_sql("ALTER ROLE sallyport_api SET log_statement = 'all'; ALTER ROLE sallyport_api SET log_min_duration_statement = -1")
    # A session has its role's settings from its start on.
    stack.services["resource-api"].stop()
    stack.start_service("resource-api")
    request.send(stack)
    begin = log.stat().st_size
    request.send(stack)
    lines = log.read_bytes()[begin:].decode().splitlines()
    stack.cluster.run_sql("ALTER ROLE sallyport_api RESET ALL")
    stack.services["resource-api"].stop()
    stack.start_service("resource-api")
    statements: list[tuple[str, list[str | None]]] = []
    for line in lines:
        if (found := EXECUTED.search(line)) and found[1] != "SELECT 1":
            statements.append((found[1], []))
        elif (found := PARAMETERS.search(line)) and statements:
            values = [(int(number), None if text == "NULL" else inner.replace("''", "'")) for number, text, inner in PARAMETER.findall(found[1])]
            statements[-1][1].extend(value for _, value in sorted(values))
    if not statements:
        raise StackError(f"the log shows no statement of {request.method} {request.path}")
    return statements


def script(stack: Stack, name: str, statements: list[tuple[str, list[str | None]]]) -> tuple[Path, dict[str, str]]:
    """A file for pgbench and the values of its variables."""
    lines, variables = ["\\startpipeline"], {}
    for position, (text, values) in enumerate(statements):
        def variable(match: re.Match) -> str:
            number = int(match[1])
            value = values[number - 1]
            if value is None:
                return "NULL"
            if value == "":
                return "''"
            variables[f"s{position}_{number}"] = value
            return f":s{position}_{number}"
        lines.append(re.sub(r"\$(\d+)", variable, text) + ";")
    path = stack.settings.directory / f"{name}.sql"
    path.write_text("\n".join([*lines, "\\endpipeline"]) + "\n")
    return path, variables

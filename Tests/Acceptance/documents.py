"""The fenced blocks of README.md and docs/OPERATIONS.md, and who runs each of them. A block that is not listed here fails test_documents."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
README, OPERATIONS = "README.md", "docs/OPERATIONS.md"

# Executors, by the file that follows a block.
DEMO = "Tests/Acceptance/test_readme.py"  # on what `make run` has started, on ports of its own
MACHINES = "Tests/Packaging/test_operations.py"  # typed as root on Debian machines with systemd, from the first line to the last
PATRONI = "Tests/Packaging/test_patroni.py"  # the same on three machines, under a deployment
COMPOSE = "Tests/Packaging/test_compose.py"
MOVES = "Tests/Packaging/test_tenants.py"

# By page and heading, for each block in turn its language and who runs it.
EXECUTORS: dict[str, dict[str, list[tuple[str, str]]]] = {
    README: {
        "Run it": [("sh", DEMO), ("sh", DEMO)],
        "Administer it": [("sh", DEMO)],
        "Put tables behind it": [("sh", DEMO)],
    },
    OPERATIONS: {
        "Build": [("sh", MACHINES)],
        "Install": [("sh", MACHINES)],
        "Secrets and the database": [("sh", MACHINES)],
        "Start": [("sh", MACHINES)],
        "The certificate": [("sh", MACHINES)],
        "The first tenants": [("sh", MACHINES)] * 2,
        "Look after it": [("sh", MACHINES)],
        "Containers": [("sh", COMPOSE)],
        "Backups": [("sh", MACHINES)],
        "Every second": [("sh", MACHINES)],
        "Encryption": [("sh", MACHINES)],
        "What no backup holds": [("sh", MACHINES)],
        "On a new machine": [("sh", MACHINES)],
        "As it was at a second": [("sh", MACHINES)],
        "The master key is lost": [("sh", MACHINES)],
        "Signing keys are in wrong hands": [("sh", MACHINES)],
        "Moving and erasing tenants": [("sh", MOVES)] * 2,
        "With systemd": [("sh", MACHINES)],
        "A second instance": [("sh", MACHINES)],
        "A second machine": [("sh", MACHINES)] * 3,
        "PostgreSQL with Patroni": [("sh", PATRONI)] * 8,
        # Citus is in no distribution: an extension that stands in for it checks names, columns, keys and order.
        "PostgreSQL with Citus": [("sql", MACHINES)],
        "Metrics, and who can read them": [("yaml", MACHINES)],
        "Alerts": [("sh", MACHINES)],
        "Traces": [("sh", MACHINES)] * 2,
    },
}

# What is run by nobody, and why.
NOT_RUN: dict[tuple[str, str, int], str] = {
    (README, "Sallyport", 1): "a drawing",
    (README, "Test and measure it", 1): "what runs the tests runs this test; test_readme has make expand every line of it",
}


@dataclass(frozen=True)
class Block:
    page: str
    # The nearest heading, of any depth, and the block's number below it, from 1.
    section: str
    number: int
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    section, opened, lines = "", None, []
    for line in (CHECKOUT / page).read_text().splitlines():
        fence = re.match(r" *(```+)(\w*)\s*$", line)
        if opened is None and fence:
            opened, lines = fence, []
        elif opened is None and (heading := re.match(r"#+ (.+)", line)):
            section = heading[1]
        elif fence and not fence[2] and fence[1] == opened[1]:
            number = sum(block.section == section for block in found) + 1
            found.append(Block(page, section, number, opened[2], textwrap.dedent("\n".join(lines)) + "\n"))
            opened = None
        elif opened is not None:
            lines.append(line)
    assert opened is None, f"{page}: a block is not closed"
    return found


def block(page: str, section: str, number: int = 1) -> Block:
    return next(one for one in blocks(page) if (one.section, one.number) == (section, number))


def executor(block: Block) -> str | None:
    listed = EXECUTORS[block.page].get(block.section, [])
    if len(listed) < block.number or listed[block.number - 1][0] != block.language:
        return None
    return listed[block.number - 1][1]


def run_by(executor_: str) -> list[Block]:
    return [block for page in EXECUTORS for block in blocks(page) if executor(block) == executor_]

"""The system under faults. FAULTS_RUNS says how many runs, FAULTS_SEED which comes first, FAULTS_SEEDS just which; each run is its seed's, and is repeated by

    FAULTS_SEED=… FAULTS_RUNS=1 make test-faults

as far as threads and processes let it: the fault is the same to the millisecond, what it hits is up to the machine.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator

import network
from checks import CHECKS
from faults import KINDS, Impossible
from run import Campaign
from system import default_system

#: What `make test` runs: faults that are over soon, in a minute or so.
SHORT = tuple(
    number for number, kind in enumerate(KINDS)
    if kind.name in ("kill auth-server", "kill resource-api", "kill PostgreSQL", "kill nginx", "cut the network", "clock ahead", "fail over"))


def test_nothing_is_lost_under_faults():
    network.enter_own()
    violations = asyncio.run(campaign())
    assert not violations, "\n".join(violations)


def seeds() -> Iterator[int]:
    if chosen := os.environ.get("FAULTS_SEEDS"):
        return iter(map(int, chosen.split()))
    runs = os.environ.get("FAULTS_RUNS")
    first = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))
    if runs is not None:
        return iter(range(first, first + int(runs)))
    base = first - first % len(KINDS)
    return iter([base + number for number in SHORT])


async def campaign() -> list[str]:
    chosen = list(seeds())
    print(f"\n{len(chosen)} runs, seeds {chosen[0]} to {chosen[-1]}", flush=True)
    violations: list[str] = []
    async with default_system() as system:
        runs = Campaign(system)
        for seed in chosen:
            try:
                report = await runs.run(seed)
            except Impossible as reason:
                print(f"seed {seed}  left out  {reason}", flush=True)
                continue
            print(report, flush=True)
            for found in report.violations[:20]:
                print(f"    {found}", flush=True)
            if report.violations:
                system.keep_logs(system.settings.directory.with_name("faults-broken") / str(seed))
            violations += [f"seed {seed}: {found}" for found in report.violations]
        last = await runs.last_judgement()
        violations += [f"at the end: {found}" for found in last]
        print(summary(runs, last), flush=True)
    return violations


def summary(campaign: Campaign, last: list[str]) -> str:
    reports = campaign.reports
    kinds = Counter(report.kind for report in reports)
    buried = sum(len(graves.dead) for graves in campaign.graveyards.values())
    broken = [report.seed for report in reports if report.violations]
    slowest = sorted(report.recovered for report in reports)[-1] if reports else 0
    return "\n".join([
        f"{len(reports)} runs, seeds {min(r.seed for r in reports)} to {max(r.seed for r in reports)}, "
        f"{sum(r.operations for r in reports)} operations, {sum(r.seconds for r in reports):.0f} s",
        "went well: " + ", ".join(f"{count} × {kind}" for kind, count in campaign.done.most_common()),
        "faults: " + ", ".join(f"{count} × {name}" for name, count in kinds.items()),
        f"{buried} acknowledged revocations, {'all refused everywhere at the end' if not last else 'BROKEN: ' + '; '.join(last[:5])}",
        f"all well again after {slowest:.1f} s at most",
        "checked: " + ", ".join(check.__name__ for check in CHECKS),
        f"broken: {broken or 'none'}",
    ])

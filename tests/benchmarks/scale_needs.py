"""Writes the table of docs/scale.md: what a shop far larger needs, by the costs that `make bench-scale` measured.

    PYTHONPATH=. python tests/benchmarks/scale_needs.py --keep build/scale --small 10000 --large 1000000

What one more event, user, list or product costs a job is the slope between two nights: CPU seconds of the larger less
those of the smaller, over how many more there were. That times the large shop's number is what its night needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.scale import folder_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"
CORES, EURO = 16, 0.05  # of a machine; for a core-hour
MACHINES = 100

# What a job's cost grows with; a night of the large shop has that many.
OF = {
    "events": ("ingest.", "monitoring.", "products.product_days", "products.basket_days", "users.user_ledger"),
    "user_snapshots": ("users.", "products.item_pairs"),
    "product_snapshots": ("products.", "training.vocabulary"),
    "lists": ("candidates.",),
    "users": ("scoring.", "explanation.", "evaluation.audit", "publish."),  # of tonight alone
}
# Of a training day besides. training.fusion and evaluation.backtest look at `evaluation.max_users` users and do not grow.
OF_TRAINING = {
    "user_snapshots": ("training.als", "training.two_tower_examples"),
    "product_snapshots": ("training.two_tower",),
}
NIGHT = {
    "events": 1_000_000_000,
    "user_snapshots": 100_000_000,
    "product_snapshots": 10_000_000,
    "lists": 100_000_000,
    "users": 100_000_000,
}
NAMES = {
    "events": "event",
    "user_snapshots": "user",
    "product_snapshots": "product",
    "lists": "list",
    "users": "user tonight",
}


@dataclass(frozen=True)
class Need:
    """unit: what the cost grows with. each_ms: CPU milliseconds of one more. core_hours: of the large shop's night."""

    job: str
    unit: str
    each_ms: float
    core_hours: float


def unit_of(job: str, of: Mapping[str, Sequence[str]] = OF) -> str | None:
    """What the job's cost grows with, by the longest name that fits; None where none does."""
    fits = [(len(name), unit) for unit, names in of.items() for name in names if job.startswith(name)]
    return max(fits)[1] if fits else None


def needs(small: dict[str, Any], large: dict[str, Any], of: Mapping[str, Sequence[str]] = OF) -> list[Need]:
    """Of every job that `of` knows, in the night's order.

    >>> night = {"events": 0, "user_snapshots": 0, "product_snapshots": 0, "lists": 0}
    >>> needs({"run": night, "jobs": {"ingest.silver": {"cpu_seconds": 5.0}}},
    ...       {"run": night | {"events": 1000}, "jobs": {"ingest.silver": {"cpu_seconds": 6.8}}})
    [Need(job='ingest.silver', unit='events', each_ms=1.8, core_hours=500.0)]
    """
    found = []
    for job, cost in large["jobs"].items():
        unit = unit_of(job, of)
        if unit is None:
            continue
        more = large["run"][unit] - small["run"][unit]
        seconds = max(cost["cpu_seconds"] - small["jobs"][job]["cpu_seconds"], 0.0)
        each = round(seconds / more, 9)
        found.append(Need(job, unit, each * 1000, round(each * NIGHT[unit] / 3600, 3)))
    return found


def table(small: dict[str, Any], large: dict[str, Any]) -> str:
    counts = "\n".join(
        f"| {NAMES[unit]} | {small['run'][unit]:,} | {large['run'][unit]:,} | {NIGHT[unit]:,} |" for unit in NIGHT
    )
    return f"""| what | the small night | the large night | the shop of this page, a night |
|---|---|---|---|
{counts}

{_jobs(small, large, OF)}
A training day besides:

{_jobs(small, large, OF_TRAINING)}"""


def _jobs(small: dict[str, Any], large: dict[str, Any], of: Mapping[str, Sequence[str]]) -> str:
    found = needs(small, large, of)
    rows = "\n".join(
        f"| {n.job} | {NAMES[n.unit]} | {small['jobs'][n.job]['cpu_seconds']:.2f} | "
        f"{large['jobs'][n.job]['cpu_seconds']:.2f} | {n.each_ms:.4f} | {n.core_hours:,.0f} | "
        f"{n.core_hours / (MACHINES * CORES):.2f} | {n.core_hours * EURO:,.0f} |"
        for n in found
    )
    total = sum(n.core_hours for n in found)
    return f"""| job | grows with | CPU s, small | CPU s, large | CPU ms for one more | core-hours | hours on {MACHINES} machines | money |
|---|---|---|---|---|---|---|---|
{rows}
| **all** | | | | | **{total:,.0f}** | **{total / (MACHINES * CORES):.1f}** | **{total * EURO:,.0f}** |
"""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument("--keep", type=Path, required=True, help="folder of nights that bench-scale left")
    options.add_argument("--small", type=int, required=True, help="events of the smaller night")
    options.add_argument("--large", type=int, required=True, help="events of the larger night")
    asked = options.parse_args()
    nights = [folder_of(asked.keep, events) / "figures.json" for events in (asked.small, asked.large)]
    missing = [path for path in nights if not path.exists()]
    if missing:
        options.error(f"no figures at {missing[0]}: run bench-scale first")
    small, large = (json.loads(path.read_text()) for path in nights)
    told = table(small, large)
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(head + BEGIN + told + END + rest.split(END)[1])
    sys.stdout.write(told)


if __name__ == "__main__":
    main()

"""Writes the tables of docs/scale.md: what a far larger shop needs, extrapolated from `make bench-scale`.

    PYTHONPATH=. python tests/benchmarks/scale_needs.py --keep build/scale --small 10000 --large 1000000

A job's cost for one more event, user, list or product is the slope between two nights: the difference in CPU seconds
divided by the difference in number. Multiplied by the large shop's number, it gives the needs of its night.
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
CORES, EURO = 16, 0.05  # cores per machine; price of a core-hour
MACHINES = 100

# What the cost of a job grows with.
OF = {
    "events": ("ingest.", "monitoring.", "products.product_days", "products.basket_days", "users.user_ledger"),
    "user_snapshots": ("users.", "products.item_pairs"),
    "product_snapshots": ("products.", "training.vocabulary"),
    "lists": ("candidates.",),
    "users": ("scoring.", "explanation.", "evaluation.audit", "publish."),  # tonight's users only
}
# The same for jobs of a training day. training.fusion and evaluation.backtest do not grow: they use at most
# `evaluation.max_users` users.
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
    """unit: what the cost grows with. each_ms: CPU milliseconds per unit. core_hours: for the large shop's night."""

    job: str
    unit: str
    each_ms: float
    core_hours: float


def unit_of(job: str, of: Mapping[str, Sequence[str]] = OF) -> str | None:
    """What the job's cost grows with, by the longest matching prefix; None if none matches."""
    matches = [(len(prefix), unit) for unit, prefixes in of.items() for prefix in prefixes if job.startswith(prefix)]
    return max(matches)[1] if matches else None


def needs(small: dict[str, Any], large: dict[str, Any], of: Mapping[str, Sequence[str]] = OF) -> list[Need]:
    """The needs of every job that matches a prefix in `of`, in the night's order.

    >>> night = {"events": 0, "user_snapshots": 0, "product_snapshots": 0, "lists": 0}
    >>> needs({"run": night, "jobs": {"ingest.silver": {"cpu_seconds": 5.0}}},
    ...       {"run": night | {"events": 1000}, "jobs": {"ingest.silver": {"cpu_seconds": 6.8}}})
    [Need(job='ingest.silver', unit='events', each_ms=1.8, core_hours=500.0)]
    """
    result = []
    for job, cost in large["jobs"].items():
        unit = unit_of(job, of)
        if unit is None:
            continue
        more = large["run"][unit] - small["run"][unit]
        seconds = max(cost["cpu_seconds"] - small["jobs"][job]["cpu_seconds"], 0.0)
        each = round(seconds / more, 9)
        result.append(Need(job, unit, each * 1000, round(each * NIGHT[unit] / 3600, 3)))
    return result


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
    all_needs = needs(small, large, of)
    rows = "\n".join(
        f"| {n.job} | {NAMES[n.unit]} | {small['jobs'][n.job]['cpu_seconds']:.2f} | "
        f"{large['jobs'][n.job]['cpu_seconds']:.2f} | {n.each_ms:.4f} | {n.core_hours:,.0f} | "
        f"{n.core_hours / (MACHINES * CORES):.2f} | {n.core_hours * EURO:,.0f} |"
        for n in all_needs
    )
    total = sum(n.core_hours for n in all_needs)
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
    arguments = options.parse_args()
    nights = [folder_of(arguments.keep, events) / "figures.json" for events in (arguments.small, arguments.large)]
    missing = [path for path in nights if not path.exists()]
    if missing:
        options.error(f"no figures at {missing[0]}: run bench-scale first")
    small, large = (json.loads(path.read_text()) for path in nights)
    figures = table(small, large)
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(head + BEGIN + figures + END + rest.split(END)[1])
    sys.stdout.write(figures)


if __name__ == "__main__":
    main()

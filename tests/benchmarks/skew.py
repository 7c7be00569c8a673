"""`make bench-skew`: the nightly run on skewed shops, compared with even shops of the same size.

A job's CPU (training excluded) may be at most 1.5 times that of the even shop, and its longest task at most 2 times, with
an allowance for the difference between two equal nights: 2 CPU seconds per job, 1 s per task. The influence of one bot
on the lists of other users is printed by source: the share of their ten best products that change because of it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from libs.query.ask import ask
from tests.benchmarks.scale import NOISE_S, folder_of, night

CPU, LONGEST, MOVED = 1.5, 2.0, 0.1
TASK_NOISE_S = 1.0
# (description, shop, events, options of grow.py)
SKEWS = (
    ("one product in 5% of all events", "online_retail", 1_000_000, ("--hot-product", "0.05")),
    ("one bot with 100,000 events", "online_retail", 1_000_000, ("--bot", "100000")),
    ("a day ten times the usual", "online_retail", 1_000_000, ("--day", "10")),
    ("half of all products in one category", "music_store", 100_000, ("--category", "0.5")),
)
BOT = SKEWS[1][0]
BEST = """
SELECT listed.source AS list, user_id, product_id
FROM (SELECT user_id, product_id, unnest(sources) AS listed FROM candidates.candidate_pool
      WHERE cutoff = DATE '2011-12-10')
WHERE listed.rank <= 10
UNION ALL
SELECT 'final', user_id, product_id FROM results.recommendations WHERE rank <= 10"""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument("--keep", type=Path, required=True, help="folder of deliveries and figures")
    options.add_argument("--only", nargs="*", type=int, default=range(len(SKEWS)), help="numbers of skews, from 0")
    keep = options.parse_args().keep.resolve()
    os.environ["REASONREC_KEY"] = "0" * 64
    ratios = []
    for what, shop, events, skew in [SKEWS[number] for number in options.parse_args().only]:
        even, uneven = night(keep, events, shop=shop), night(keep, events, *skew, shop=shop)
        ratios.append(compared(what, even["jobs"], uneven["jobs"]))
        if what == BOT:
            ratios.append(
                influence(folder_of(keep, events, shop=shop), folder_of(keep, events, *skew, shop=shop)) / MOVED
            )
    print(f"figure: skew limits={len(ratios)} ratio={max(ratios):.2f} of the limits")
    sys.exit(max(ratios) > 1)


def compared(what: str, even: dict[str, Any], uneven: dict[str, Any]) -> float:
    """Prints each job's ratios; returns the worst as a share of its limit, after the allowance for noise."""
    print(f"\n{what}\n{'job':30}{'CPU s':>9}{'even':>9}{'ratio':>7}{'longest task s':>16}{'even':>8}{'ratio':>7}")
    worst: dict[str, float] = {}
    for job, cost in uneven.items():
        cpu, even_cpu = cost["cpu_seconds"], even[job]["cpu_seconds"]
        task, even_task = cost["longest_task_s"], even[job]["longest_task_s"]
        print(
            f"{job:30}{cpu:9.1f}{even_cpu:9.1f}{cpu / max(even_cpu, 0.1):7.2f}"
            f"{task:16.1f}{even_task:8.1f}{task / max(even_task, 0.1):7.2f}"
        )
        if not job.startswith("training."):
            worst[job] = max(cpu / (even_cpu + NOISE_S) / CPU, task / (even_task + TASK_NOISE_S) / LONGEST)
    name = max(worst, key=lambda job: worst[job])
    print(f"nearest to its limit: {name}, {worst[name]:.2f} of it")
    return worst[name]


def influence(even: Path, uneven: Path) -> float:
    """Prints, by list, the share of other users' ten best products that the bot changed; returns the final list's."""
    keys = ["list", "user_id", "product_id"]
    without, with_bot = (ask((folder / "warehouse").as_uri(), BEST).df() for folder in (even, uneven))
    without = without[without["user_id"].isin(with_bot["user_id"])]
    kept = without.merge(with_bot, on=keys).groupby("list").size()
    changed = 1 - kept / without.groupby("list").size()
    for name, share in changed.items():
        print(f"the bot changed {share:6.1%} of the others' ten best of {name}")
    return float(changed["final"])


if __name__ == "__main__":
    main()

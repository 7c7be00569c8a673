"""`make bench-backfill`: a month of days run forwards, backwards, two at once and twice gives the same tables.

Each day ingests its rows, sums them, and writes the users' ledgers and histories. Sums must not depend on the order.
Snapshots contain what was known when they were computed, so a day that ran before the days it builds on is run again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.catalog import get_job
from jobs.walk import make_plan, walk
from libs.conf import Conf, load
from libs.query.checksum import checksums, compare
from libs.spark.session import build_session
from libs.window import Window

ROOT = Path(__file__).resolve().parents[2]
SHOP, DAYS = "music_store", int(sys.argv[1]) if len(sys.argv) > 1 else 28
BEGIN, FIRST = date(1998, 1, 1), date(2014, 6, 1)
SUMS = (
    *("ingest.bronze", "ingest.silver", "ingest.events"),
    *("products.product_days", "products.basket_days", "products.review_aspects"),
)
SNAPSHOTS = ("monitoring.table_health", "users.user_ledger", "users.user_history")


def main() -> None:
    loaded = load(ROOT / "conf", "test", SHOP)  # a day has only a few rows
    spark, days = build_session(loaded.env, "bench-backfill"), [FIRST + timedelta(days=n) for n in range(DAYS)]
    with tempfile.TemporaryDirectory() as folder:
        forwards, otherwise = (Backfill(spark, loaded, Path(folder) / name) for name in ("forwards", "otherwise"))
        forwards.run("the years before, in one window", [(BEGIN, FIRST)])
        shutil.copytree(forwards.folder, otherwise.folder)
        by_day = [(day, day + timedelta(days=1)) for day in days]
        differences = {}
        forwards.run("forwards", by_day)
        otherwise.run("backwards", by_day[::-1])
        differences["sums, backwards"] = differing(forwards, otherwise, SUMS)
        # With two at once a day may run before the day it builds on; the backwards run has already written that day.
        otherwise.run("again, two days at once", by_day, at_once=2)
        differences["sums, two at once"] = differing(forwards, otherwise, SUMS)
        differences["snapshots, two at once"] = differing(forwards, otherwise, SNAPSHOTS)
        forwards.run("forwards again", by_day)
        differences["all, forwards twice"] = differing(forwards, otherwise, (*SUMS, *SNAPSHOTS))
    spark.stop()
    for name, tables in differences.items():
        print(f"{name}: {', '.join(tables) or 'no table differs'}")
    n, equal = len(differences), sum(not tables for tables in differences.values())
    print(f"figure: backfill days={DAYS} comparisons={n} equal={equal} ratio={equal / n:.2f}")
    sys.exit(equal < n)


class Backfill:
    """Runs of the shop in a warehouse of its own below `folder`."""

    def __init__(self, spark: SparkSession, loaded: Conf, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        env = loaded.env.model_copy(update={"warehouse": folder.as_uri()})
        self.conf = Conf(loaded.root, env, loaded.shop, loaded.params)

    def run(self, label: str, windows: list[tuple[date, date]], at_once: int = 1) -> None:
        started = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            for number, _ in enumerate(pool.map(self._day, windows), 1):
                if number % 7 == 0 or number == len(windows):
                    print(f"{label}: {number} of {len(windows)}, {time.monotonic() - started:.0f} s", flush=True)

    def _day(self, window: tuple[date, date]) -> None:
        for job in (*SUMS, *SNAPSHOTS):
            plan = make_plan(self.spark, self.conf, job, Window(*window, "UTC"), False)
            walk(self.spark, plan, {"pseudonym_key": "0" * 64})


def differing(left: Backfill, right: Backfill, jobs: Iterable[str]) -> list[str]:
    tables = [name for job in jobs for name in get_job(job).writes]
    return compare(*[checksums(run.spark, run.conf.env.warehouse, SHOP, tables) for run in (left, right)])[0]


if __name__ == "__main__":
    main()

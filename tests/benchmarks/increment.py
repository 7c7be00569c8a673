"""`make bench-increment`: one more day against a rebuild, on online_retail grown to 5.4 million rows, a file a day.

Jobs that accumulate (bronze, silver, events, the daily sums) must cost by the day's delivery: bytes read and CPU (the
process tree's: JVM and Python workers) of one more day, an empty day's cost taken off both, at most a tenth of a
rebuild's, and the same tables. What snapshots cost for the day is printed apart: that goes by users and products.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.catalog import entry
from jobs.walk import make_plan, walk
from libs.conf import Conf, load
from libs.process_tree import adopt_orphans
from libs.spark.checksum import checksums, compare
from libs.spark.session import build_session
from libs.window import Window

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "online_retail" / "transactions.parquet"
COPIES, LIMIT = int(sys.argv[1]) if len(sys.argv) > 1 else 10, 0.10
FIRST, CLOSED, DAY, END = date(2010, 12, 1), date(2011, 12, 3), date(2011, 12, 8), date(2011, 12, 9)
ACCUMULATE = (
    *("ingest.bronze", "ingest.silver", "ingest.events"),
    *("products.product_days", "products.basket_days", "products.review_aspects"),
)
SNAPSHOTS = (
    *("products.product_text", "users.user_history", "products.item_pairs", "products.product_profile"),
    *("users.user_rfm", "users.user_taste"),
)


def main() -> None:
    if not DATA.exists():
        print(f"skipped: {DATA.relative_to(ROOT.parent)} is not here")
        return
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        settings = load(ROOT / "conf", "dev", None).env
        logged = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": (scratch / "log").as_uri()}
        (scratch / "log").mkdir()
        spark = build_session(settings.model_copy(update={"spark": settings.spark | logged | {
            "spark.eventLog.rolling.enabled": "false", "spark.eventLog.compress": "false"}}), "bench-increment")  # fmt: skip
        print(f"{deliver(spark, scratch / 'deliveries')} rows in {len(list((scratch / 'deliveries').iterdir()))} files")
        grown, whole = (conf_of(scratch, name) for name in ("grown", "whole"))
        cpu = {
            "history": run(spark, grown, Window(FIRST, DAY, "Europe/London"), "history"),
            "empty": run(spark, grown, Window(CLOSED, date(2011, 12, 4), "Europe/London"), "empty"),
            "day": run(spark, grown, Window(DAY, END, "Europe/London"), "day"),
            "rebuild": run(spark, whole, Window(FIRST, END, "Europe/London"), "rebuild"),
            "snapshots": run(spark, grown, Window(DAY, END, "Europe/London"), "snapshots", SNAPSHOTS),
        }
        tables = [name for job in ACCUMULATE for name in entry(job).writes]
        found = [checksums(spark, conf.env.warehouse, "online_retail", tables) for conf in (grown, whole)]
        differ, _ = compare(*found)
        spark.stop()
        read = bytes_read(scratch / "log")
    print(f"{'job':28} {'rebuild':>18} {'one more day':>18} {'an empty day':>18}   (CPU seconds, MB read)")
    for job in ACCUMULATE:
        told = [f"{cpu[run][job]:9.1f} {read[run, job] / 1e6:8.1f}" for run in ("rebuild", "day", "empty")]
        print(f"{job:28} {'   '.join(told)}")
    for job in SNAPSHOTS:
        print(f"{job:28} a snapshot of the day: {cpu['snapshots'][job]:.1f} CPU seconds, "
              f"{read['snapshots', job] / 1e6:.1f} MB read")  # fmt: skip

    def share(cost) -> float:
        empty = sum(cost("empty", job) for job in ACCUMULATE)
        return (sum(cost("day", job) for job in ACCUMULATE) - empty) / (
            sum(cost("rebuild", job) for job in ACCUMULATE) - empty
        )

    of_cpu, of_bytes = share(lambda run, job: cpu[run][job]), share(lambda run, job: read[run, job])
    print(f"tables that differ from the rebuild's: {', '.join(differ) or 'none'}")
    print(
        f"figure: increment cpu={of_cpu:.3f} bytes_read={of_bytes:.3f} of a rebuild, limit {LIMIT}, "
        f"tables={'equal' if not differ else 'differ'} ratio={max(of_cpu, of_bytes) / LIMIT:.2f}"
    )
    sys.exit(bool(differ) or max(of_cpu, of_bytes) > LIMIT)


def deliver(spark: SparkSession, folder: Path) -> int:
    """The shop COPIES times over (other users, other orders, the same days and products), a CSV file a day."""
    copy = F.explode(F.sequence(F.lit(1), F.lit(COPIES))).alias("copy")
    rows = spark.read.parquet(DATA.as_uri()).select("*", copy)
    grown = rows.withColumns(
        {
            "InvoiceNo": F.concat_ws("-", "InvoiceNo", "copy"),
            "CustomerID": F.when(
                F.col("CustomerID").isNotNull(), F.concat_ws("-", F.col("CustomerID").cast("bigint"), "copy")
            ),
            "date": F.to_date("InvoiceDate"),
        }
    ).drop("copy")
    parts = folder.with_name("parts")
    grown.repartition("date").write.partitionBy("date").option("header", "true").csv(parts.as_uri())
    folder.mkdir()
    for part in parts.glob("date=*/part-*.csv"):
        part.rename(folder / f"{part.parent.name.removeprefix('date=')}.csv")
    shutil.rmtree(parts)
    header = next(folder.iterdir()).read_text().splitlines()[0]
    for number in range((END - FIRST).days):
        day = date.fromordinal(FIRST.toordinal() + number)
        if day.weekday() != 5 and not (folder / f"{day}.csv").exists():
            (folder / f"{day}.csv").write_text(header + "\n")  # a holiday's delivery is an empty one
    return spark.read.option("header", "true").csv(folder.as_uri()).count()


def conf_of(scratch: Path, name: str) -> Conf:
    """The shop's own mapping on the grown deliveries, with a warehouse of its own."""
    root = scratch / name / "conf"
    shutil.copytree(ROOT / "conf", root)
    path = root / "shops" / "online_retail.yaml"
    shop = yaml.safe_load(path.read_text())
    for source in shop["sources"].values():
        source |= {"path": (scratch / "deliveries").as_uri() + "/{date}.csv", "format": "csv"}
    shop["sources"]["orders"]["columns"]["user_id"] = "CustomerID"
    path.write_text(yaml.safe_dump(shop))
    loaded = load(root, "dev", "online_retail")
    env = loaded.env.model_copy(update={"warehouse": (scratch / name / "warehouse").as_uri()})
    return Conf(loaded.root, env, loaded.shop, loaded.params)


def run(
    spark: SparkSession, conf: Conf, window: Window, name: str, jobs: tuple[str, ...] = ACCUMULATE
) -> dict[str, float]:
    """CPU seconds of each job; the event log knows its bytes by the job group `name job`."""
    cost = {}
    for job in jobs:
        before = tree_cpu()
        spark.sparkContext.setJobGroup(f"{name} {job}", job)
        walk(spark, make_plan(spark, conf, job, window, False), {"pseudonym_key": "0" * 64})
        cost[job] = tree_cpu() - before
        print(f"{name:10} {job:28} {cost[job]:8.1f} CPU seconds", flush=True)
    return cost


def tree_cpu() -> float:
    """CPU seconds so far of this process, its JVM and all Python workers, ended ones included."""
    total = 0.0
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # an orphan that ended: its time becomes this process's
            pass
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def bytes_read(folder: Path) -> dict[tuple[str, str], int]:
    """Bytes read by the tasks of each job group of `run`."""
    groups: dict[int, tuple[str, str]] = {}
    found: dict[tuple[str, str], int] = defaultdict(int)
    for path in folder.iterdir():
        for line in path.open():
            event = json.loads(line)
            if event["Event"] == "SparkListenerJobStart":
                group = event.get("Properties", {}).get("spark.jobGroup.id", "")
                groups |= {stage: tuple(group.split(" ", 1)) for stage in event["Stage IDs"] if " " in group}
            if event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] in groups:
                key = groups[event["Stage ID"]]
                metrics = event.get("Task Metrics") or {}
                found[key] += metrics.get("Input Metrics", {}).get("Bytes Read", 0)
    return found


if __name__ == "__main__":
    main()

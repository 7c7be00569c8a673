"""`make bench-increment`: one more day against a rebuild, on online_retail grown to 5.4 million rows, one file per day.

The cost of jobs that accumulate (bronze, silver, events, the daily sums) must depend on the day's delivery only: bytes
read and CPU (of the process tree: JVM and Python workers) of one more day are at most a tenth of a rebuild's, after the
cost of an empty day is subtracted from both, and the tables are the same. The cost of snapshots is printed separately:
it depends on the numbers of users and products. The users' ledger is a snapshot computed from the day before; its rows
must equal those computed from all events.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.catalog import get_job
from jobs.walk import make_plan, walk
from libs.conf import Conf, load
from libs.query.ask import ask
from libs.query.checksum import Checksum, checksum, checksums, compare
from libs.spark import delta
from libs.spark.session import build_session
from libs.tables import table
from libs.window import Window

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "online_retail" / "transactions.parquet"
COPIES, LIMIT = int(sys.argv[1]) if len(sys.argv) > 1 else 10, 0.10
ZONE, COST = "Europe/London", "SELECT cpu_seconds, bytes_read FROM quality.job_runs WHERE run_id = ?"
FIRST, CLOSED, DAY, END = date(2010, 12, 1), date(2011, 12, 3), date(2011, 12, 8), date(2011, 12, 9)
ACCUMULATE = (
    *("ingest.bronze", "ingest.silver", "ingest.events"),
    *("products.product_days", "products.basket_days", "products.review_aspects"),
)
LEDGER = "users.user_ledger"
SNAPSHOTS = (
    *(LEDGER, "products.product_text", "users.user_history", "products.item_pairs", "products.product_profile"),
    *("users.user_rfm", "users.user_taste"),
)


def main() -> None:
    if not DATA.exists():
        print(f"skipped: {DATA.relative_to(ROOT.parent)} is missing")
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        spark = build_session(load(ROOT / "conf", "dev", None).env, "bench-increment")
        print(f"{deliver(spark, scratch / 'deliveries')} rows in {len(list((scratch / 'deliveries').iterdir()))} files")
        grown, whole = (conf_of(scratch, name) for name in ("grown", "whole"))
        run(spark, grown, Window(FIRST, DAY, ZONE), "history", (*ACCUMULATE, LEDGER))
        cost = {
            "empty": run(spark, grown, Window(CLOSED, CLOSED + timedelta(days=1), ZONE), "empty"),
            "day": run(spark, grown, Window(DAY, END, ZONE), "day"),
            "rebuild": run(spark, whole, Window(FIRST, END, ZONE), "rebuild"),
            "snapshots": run(spark, grown, Window(DAY, END, ZONE), "snapshots", SNAPSHOTS),
            "from all events": run(spark, whole, Window(DAY, END, ZONE), "from all events", (LEDGER,)),
        }
        tables = [name for job in ACCUMULATE for name in get_job(job).writes]
        sums_of_tables = [
            [*checksums(spark, conf.env.warehouse, "online_retail", tables), ledgers_of_the_day(spark, conf)]
            for conf in (grown, whole)
        ]
        differ, _ = compare(*sums_of_tables)
        spark.stop()
    print(f"{'job':28} {'rebuild':>18} {'one more day':>18} {'an empty day':>18}   (CPU seconds, MB read)")
    for job in ACCUMULATE:
        cells = [f"{cost[name][job][0]:9.1f} {cost[name][job][1] / 1e6:8.1f}" for name in ("rebuild", "day", "empty")]
        print(f"{job:28} {'   '.join(cells)}")
    for job in SNAPSHOTS:
        cpu, read = cost["snapshots"][job]
        print(f"{job:28} a snapshot of the day: {cpu:.1f} CPU seconds, {read / 1e6:.1f} MB read")
    cpu, read = cost["from all events"][LEDGER]
    print(f"{LEDGER:28} from all events instead: {cpu:.1f} CPU seconds, {read / 1e6:.1f} MB read")
    sums = {name: [sum(parts) for parts in zip(*jobs.values(), strict=True)] for name, jobs in cost.items()}
    of_cpu, of_bytes = ((sums["day"][i] - sums["empty"][i]) / (sums["rebuild"][i] - sums["empty"][i]) for i in (0, 1))
    print(f"tables that differ from the rebuild's: {', '.join(differ) or 'none'}")
    print(
        f"figure: increment cpu={of_cpu:.3f} bytes_read={of_bytes:.3f} of a rebuild, limit {LIMIT}, "
        f"tables={'equal' if not differ else 'differ'} ratio={max(of_cpu, of_bytes) / LIMIT:.2f}"
    )
    sys.exit(bool(differ) or max(of_cpu, of_bytes) > LIMIT)


def ledgers_of_the_day(spark: SparkSession, conf: Conf) -> Checksum:
    """The checksum of the last day's ledgers only: the grown shop also has those of the day before."""
    [name] = get_job(LEDGER).writes
    rows = delta.read(spark, conf.env.warehouse, table(name)).where(F.col("cutoff") == F.lit(END))
    return checksum(rows, table(name))


def deliver(spark: SparkSession, folder: Path) -> int:
    """Writes COPIES copies of the shop (other users and orders, the same days and products) as one CSV file per day."""
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
            (folder / f"{day}.csv").write_text(header + "\n")  # on a holiday the delivery is empty
    return spark.read.option("header", "true").csv(folder.as_uri()).count()


def conf_of(scratch: Path, name: str) -> Conf:
    """The shop's conf, reading the grown deliveries and writing to a warehouse of its own."""
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
) -> dict[str, tuple[float, int]]:
    """(CPU seconds of the process tree, bytes read) of each job, from quality.job_runs."""
    cost = {}
    for job in jobs:
        run_id = walk(spark, make_plan(spark, conf, job, window, False), {"pseudonym_key": "0" * 64}).run_id
        cost[job] = ask(conf.env.warehouse, COST, [run_id]).fetchall()[0]
        print(f"{name:10} {job:28} {cost[job][0]:8.1f} CPU seconds {cost[job][1] / 1e6:8.1f} MB read", flush=True)
    return cost


if __name__ == "__main__":
    main()

"""`make bench-scale`: the nightly run on online_retail grown to 10^5, 10^6 and 10^7 events: what each job costs, and how.

A night on a shop of 10^3 events stands for the empty shop: what its jobs cost is taken off the others'. A job's CPU may
grow as events to the power of 1.1 at most; that of exact top-K as users x products. Training is told and not held
against a limit. The largest shop has its own limits, for the whole command. Then the night on a standalone cluster
(`--cluster-events`), where the driver is a process of its own: its heap after a full collection must stay as it is.

Each night's figures are kept below `--keep` as JSON; one that is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from libs.metering.process_tree import measure, pss
from libs.query.ask import ask
from libs.tables import SOURCES
from samples.cluster_demo import Night, Submit, build_wheel, make_environment, standalone, write_conf

T = TypeVar("T")
WINDOWS = {"online_retail": ("2010-12-01", "2011-12-10"), "music_store": ("1998-01-01", "2014-06-30")}
SHOP = "online_retail"
EMPTY = 1_000
POWER, CPU_MINUTES, PSS_GIB, HEAP = 1.1, 180, 8, 1.2
NOISE_S = 2.0  # CPU seconds of a job by which two equal nights on a shared machine differ: no job misses by these
PER_PARTITION = 300_000  # events to a partition of a shuffle
ONE_COMPILER = "-XX:TieredStopAtLevel=1 "  # quick to start, and slow where a night is long
TOP_K = tuple(f"candidates.{source.name}" for source in SOURCES.values() if source.model)
COSTS = """
SELECT job, epoch_ms(started_at) AS started_ms, seconds, cpu_seconds, peak_memory_bytes, bytes_read, bytes_shuffled
FROM quality.job_runs WHERE status = 'done' ORDER BY started_at"""
SIZES = """
SELECT (SELECT count(*) FROM silver.events) AS events,
       (SELECT count(DISTINCT user_id) FROM features.user_profile) AS users,
       (SELECT count(DISTINCT product_id) FROM features.product_profile) AS products,
       (SELECT count(*) FROM features.user_profile) AS user_snapshots,
       (SELECT count(*) FROM features.product_profile) AS product_snapshots,
       (SELECT count(*) FROM candidates.popular WHERE rank = 1) AS lists"""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    options.add_argument("--cluster-events", type=int, nargs="*", default=[100_000, 1_000_000], help="none: no cluster")
    options.add_argument("--keep", type=Path, required=True, help="folder of deliveries and figures")
    asked = options.parse_args()
    os.environ["REASONREC_KEY"] = "0" * 64
    keep = asked.keep.resolve()
    nights = {events: night(keep, events) for events in (EMPTY, *sorted(asked.events))}
    costs = table(nights)
    heaps = {events: heap(keep, events) for events in sorted(asked.cluster_events)}
    sys.exit(verdict(nights, costs, heaps))


# ---- a night


def night(keep: Path, events: int, *skew: str, shop: str = SHOP) -> dict[str, Any]:
    """What the nightly run costs on the shop grown to so many events: `run` (the command) and `jobs` (each of them)."""
    folder = folder_of(keep, events, *skew, shop=shop)
    figures = folder / "figures.json"
    if not figures.exists():
        delivered(folder, shop, events, *skew)
        env = os.environ | {"REASONREC_WAREHOUSE": str(folder / "warehouse")}
        start, end = WINDOWS[shop]
        command = ["reasonrec", "run", "daily", "--shop", shop, "--start", start, "--end", end]
        with (folder / "night.log").open("w") as log, largest_python_worker() as workers:
            done = measure([*command, "--conf", str(folder / "conf")], True, stdout=log, stderr=log, env=env)
        if done.status:
            sys.exit(f"the night of {folder.name} ended with status {done.status}: {folder}/night.log")
        warehouse = (folder / "warehouse").as_uri()
        jobs, [run] = rows(warehouse, COSTS), rows(warehouse, SIZES)
        with_tasks(jobs, next((folder / "events").iterdir()))
        run |= {"cpu_s": done.cpu_s, "wall_s": done.wall_s, "peak_pss_gib": done.peak_pss_gib}
        run["python_worker_gib"] = max((gib for _, gib in workers), default=0.0)
        figures.write_text(json.dumps({"run": run, "jobs": {job.pop("job"): job for job in jobs}}, indent=1))
    found: dict[str, Any] = json.loads(figures.read_text())
    run = found["run"]
    print(
        f"{folder.name}: {run['events']:,} events, {run['users']:,} users, {run['products']:,} products: "
        f"{run['cpu_s'] / 60:.1f} CPU-minutes, {run['wall_s'] / 60:.1f} minutes, {run['peak_pss_gib']:.2f} GiB at most, "
        f"{run['python_worker_gib']:.2f} in one Python worker",
        flush=True,
    )
    return found


def folder_of(keep: Path, events: int, *skew: str, shop: str = SHOP) -> Path:
    return keep / "-".join([shop, str(events), *(part.strip("-") for part in skew)])


def rows(warehouse: str, query: str) -> list[dict[str, Any]]:
    told = ask(warehouse, query)
    names = [column[0] for column in told.description or ()]
    return [dict(zip(names, row, strict=True)) for row in told.fetchall()]


def delivered(folder: Path, shop: str, events: int, *skew: str) -> None:
    """The grown shop and the conf that reads it; its nights keep Spark's event log.

    As docs/operate.md says for shops past a laptop's: the JVM's full compiler, and partitions that grow with the shop.
    """
    if folder.exists():
        return
    command = [sys.executable, str(Path(__file__).with_name("grow.py")), "--shop", shop, "--events", str(events)]
    subprocess.run([*command, *skew, "--out", str(folder)], check=True)
    path = folder / "conf" / "dev.yaml"
    env = yaml.safe_load(path.read_text())
    (folder / "events").mkdir()
    env["spark"] |= {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.sql.shuffle.partitions": str(max(4, events // PER_PARTITION)),
        "spark.driver.extraJavaOptions": env["spark"]["spark.driver.extraJavaOptions"].replace(ONE_COMPILER, ""),
    }
    path.write_text(yaml.safe_dump(env, sort_keys=False))


def with_tasks(jobs: list[dict[str, Any]], log: Path) -> None:
    """Adds `tasks` and `longest_task_s` to each job: of the tasks that Spark's event log has in the job's time."""
    tasks = []
    with log.open() as lines:
        for line in lines:
            if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                info = json.loads(line)["Task Info"]
                tasks.append((info["Launch Time"], info["Finish Time"] - info["Launch Time"]))
    for job in jobs:
        begin, end = job["started_ms"], job["started_ms"] + 1000 * job["seconds"]
        took = [took for launched, took in tasks if begin <= launched < end]
        job |= {"tasks": len(took), "longest_task_s": max(took, default=0) / 1000}


@contextmanager
def largest_python_worker() -> Iterator[list[tuple[float, float]]]:
    """(time, GiB of proportional set size of the largest of Spark's Python workers), looked for every 2 s."""
    with sampled(lambda: max((pss([p]) / 2**30 for p in _below("pyspark.daemon")), default=0.0), 2) as seen:
        yield seen


@contextmanager
def sampled(value: Callable[[], T], seconds: float) -> Iterator[list[tuple[float, T]]]:
    """(time, value) of each look."""
    seen: list[tuple[float, T]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            seen.append((time.time(), value()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def _below(word: str) -> list[psutil.Process]:
    """Processes below this one whose command line has the word."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


# ---- the driver on a cluster


def heap(keep: Path, events: int) -> float:
    """MiB of the driver's heap after a full collection, asked for every 10 s of a night on a standalone cluster.

    `heap.json` has the most of each job; `heap-JOB.txt` what classes that was of.
    """
    folder = keep / f"cluster-{events}"
    figure = folder / "heap.json"
    if not figure.exists():
        delivered(folder, SHOP, events)
        os.environ.setdefault("_SPARK_AUTH_SECRET", secrets.token_hex(32))
        wheel, environment = build_wheel(folder), make_environment(folder, False)
        ours = Night(SHOP, folder / "conf", *WINDOWS[SHOP])
        with standalone(folder, environment) as cluster:
            write_conf(ours, cluster.url, "dev")
            with sampled(_driver_heap, 10) as seen:
                done = Submit(ours, folder, environment, wheel, [], cluster).run("night")
        if done.status:
            sys.exit(f"the night of {folder.name} ended with status {done.status}: {folder}/night.log")
        most = {}
        for job in rows((folder / "night_wh").as_uri(), COSTS):
            begin, end = job["started_ms"] / 1000, job["started_ms"] / 1000 + job["seconds"]
            if looks := [told for at, told in seen if begin <= at < end]:  # none in a job of a few seconds
                most[job["job"]], classes = max(looks)
                (folder / f"heap-{job['job']}.txt").write_text(classes)
        figure.write_text(json.dumps(most, indent=1))
    found: dict[str, float] = json.loads(figure.read_text())
    largest = max(found, key=lambda name: found[name])
    print(
        f"driver's heap on the cluster, {events:,} events: {found[largest]:.0f} MiB at most after full collections, in {largest}"
    )
    return found[largest]


def _driver_heap() -> tuple[float, str]:
    """MiB that live, and the classes they are of.

    Collected twice: it is from a collection that Spark learns which broadcasts nobody refers to, whose blocks it lets go.
    """
    for driver in _below("org.apache.spark.deploy.SparkSubmit"):
        try:
            subprocess.run(["jcmd", str(driver.pid), "GC.run"], check=True, capture_output=True)
            time.sleep(1)
            command = ["jcmd", str(driver.pid), "GC.class_histogram"]  # which collects too
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except subprocess.CalledProcessError:  # it has just ended
            continue
        *classes, total = told.strip().splitlines()
        return int(total.split()[-1]) / 2**20, "\n".join(classes[:50])
    return 0.0, ""


# ---- figures


@dataclass(frozen=True)
class Cost:
    """How a job's CPU grows between the two largest shops, how it grows at least with noise allowed for, and the most it
    may.
    """

    power: float
    least: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.least / self.limit


def table(nights: dict[int, dict[str, Any]]) -> dict[str, Cost]:
    """Prints what each job cost at each size; gives how its CPU grew."""
    small, large = sorted(nights)[-2:]
    size = {name: nights[large]["run"][name] / nights[small]["run"][name] for name in ("events", "users", "products")}
    print(
        f"\nCPU seconds of each job; power: of CPU in events, from {small:,} to {large:,}, {EMPTY:,}'s taken off;"
        f" what comes after it is of {large:,}"
    )
    print(
        f"{'job':30}"
        + "".join(f"{events:>12,}" for events in nights)
        + "  power  seconds   peak GiB  MB read  MB shuffled  longest task s"
    )
    found = {}
    for job in nights[large]["jobs"]:
        cpu = {events: one["jobs"][job]["cpu_seconds"] for events, one in nights.items()}
        limit = POWER
        if job in TOP_K:
            limit *= math.log(size["users"] * size["products"]) / math.log(size["events"])
        grown = cpu[small] - cpu[EMPTY], cpu[large] - cpu[EMPTY]
        least = power(grown[0] + NOISE_S, grown[1], size["events"])
        cost = Cost(power(*grown, size["events"]), least, limit)
        if not job.startswith("training."):
            found[job] = cost
        last = nights[large]["jobs"][job]
        print(
            f"{job:30}"
            + "".join(f"{cpu[events]:12.1f}" for events in nights)
            + f"{cost.power:7.2f}{last['seconds']:9.0f}{last['peak_memory_bytes'] / 2**30:11.2f}"
            + f"{last['bytes_read'] / 1e6:9.0f}"
            + f"{last['bytes_shuffled'] / 1e6:13.0f}{last['longest_task_s']:16.1f}"
        )
    return found


def power(small: float, large: float, times: float) -> float:
    """Exponent of a cost that goes from `small` to `large` where the shop grows so many times.

    What lies below the noise is taken for the noise: a job that costs 0.1 s and then 1 s has shown nothing.

    >>> power(10.0, 100.0, 10)
    1.0
    >>> power(0.1, 1.0, 10)
    0.0
    """
    return math.log(max(large, NOISE_S) / max(small, NOISE_S)) / math.log(times)


def verdict(nights: dict[int, dict[str, Any]], costs: dict[str, Cost], heaps: dict[int, float]) -> int:
    """Prints the figure; the exit status."""
    largest = max(nights)
    run = nights[largest]["run"]
    worst = max(costs, key=lambda job: costs[job].ratio)
    cpu, pss = run["cpu_s"] / 60, run["peak_pss_gib"]
    ratios = [costs[worst].ratio, cpu / CPU_MINUTES, pss / PSS_GIB]
    told = f"cpu_minutes={cpu:.1f} peak_pss_gib={pss:.2f} worst_power={costs[worst].power:.2f} of={worst}"
    if len(heaps) > 1:
        grown = heaps[max(heaps)] / heaps[min(heaps)]
        ratios.append(grown / HEAP)
        told += f" driver_heap_grown={grown:.2f}"
    print(f"figure: scale events={run['events']} {told} ratio={max(ratios):.2f}")
    return int(max(ratios) > 1)


if __name__ == "__main__":
    main()

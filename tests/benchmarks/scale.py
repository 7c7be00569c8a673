"""`make bench-scale`: how the cost of each job grows on online_retail grown to 10^5, 10^6 and 10^7 events.

A night with 10^3 events stands for an empty shop: its costs are subtracted from the others'. A job's CPU may grow at
most as events to the power of 1.1, that of exact top-K as users x products. Training is reported without a limit. The
whole command has limits of its own on the largest shop. Then a night runs on a standalone cluster (`--cluster-events`),
where the driver is a separate process: its heap after a full collection must not grow with the shop.

Each night's figures are stored below `--keep` as JSON; a night that has figures is not run again.
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
NOISE_S = 2.0  # difference in a job's CPU seconds between two equal nights on a shared machine; no job fails by it
PER_PARTITION = 300_000  # events per shuffle partition
ONE_COMPILER = "-XX:TieredStopAtLevel=1 "  # starts fast but makes long nights slow
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
    arguments = options.parse_args()
    os.environ["REASONREC_KEY"] = "0" * 64
    keep = arguments.keep.resolve()
    nights = {events: night(keep, events) for events in (EMPTY, *sorted(arguments.events))}
    costs = table(nights)
    heaps = {events: heap(keep, events) for events in sorted(arguments.cluster_events)}
    sys.exit(verdict(nights, costs, heaps))


# ---- a night


def night(keep: Path, events: int, *skew: str, shop: str = SHOP) -> dict[str, Any]:
    """Costs of the nightly run on the shop grown to `events` events: `run` (the whole command) and `jobs` (each job)."""
    folder = folder_of(keep, events, *skew, shop=shop)
    figures = folder / "figures.json"
    if not figures.exists():
        deliver(folder, shop, events, *skew)
        env = os.environ | {"REASONREC_WAREHOUSE": str(folder / "warehouse")}
        start, end = WINDOWS[shop]
        command = ["reasonrec", "run", "daily", "--shop", shop, "--start", start, "--end", end]
        with (folder / "night.log").open("w") as log, largest_python_worker() as workers:
            used = measure([*command, "--conf", str(folder / "conf")], True, stdout=log, stderr=log, env=env)
        if used.status:
            sys.exit(f"the night of {folder.name} ended with status {used.status}: {folder}/night.log")
        warehouse = (folder / "warehouse").as_uri()
        jobs, [run] = rows(warehouse, COSTS), rows(warehouse, SIZES)
        with_tasks(jobs, next((folder / "events").iterdir()))
        run |= {"cpu_s": used.cpu_s, "wall_s": used.wall_s, "peak_pss_gib": used.peak_pss_gib}
        run["python_worker_gib"] = max((gib for _, gib in workers), default=0.0)
        figures.write_text(json.dumps({"run": run, "jobs": {job.pop("job"): job for job in jobs}}, indent=1))
    costs: dict[str, Any] = json.loads(figures.read_text())
    run = costs["run"]
    print(
        f"{folder.name}: {run['events']:,} events, {run['users']:,} users, {run['products']:,} products: "
        f"{run['cpu_s'] / 60:.1f} CPU-minutes, {run['wall_s'] / 60:.1f} minutes, {run['peak_pss_gib']:.2f} GiB at most, "
        f"{run['python_worker_gib']:.2f} in one Python worker",
        flush=True,
    )
    return costs


def folder_of(keep: Path, events: int, *skew: str, shop: str = SHOP) -> Path:
    return keep / "-".join([shop, str(events), *(part.strip("-") for part in skew)])


def rows(warehouse: str, query: str) -> list[dict[str, Any]]:
    relation = ask(warehouse, query)
    names = [column[0] for column in relation.description or ()]
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def deliver(folder: Path, shop: str, events: int, *skew: str) -> None:
    """Writes the grown shop and a conf that reads it and keeps Spark's event log.

    As docs/operate.md advises for larger shops: the JVM's full compiler, and shuffle partitions that grow with the shop.
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
    """Adds `tasks` and `longest_task_s` to each job, from the tasks in Spark's event log launched while the job ran."""
    tasks = []
    with log.open() as lines:
        for line in lines:
            if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                info = json.loads(line)["Task Info"]
                tasks.append((info["Launch Time"], info["Finish Time"] - info["Launch Time"]))
    for job in jobs:
        begin, end = job["started_ms"], job["started_ms"] + 1000 * job["seconds"]
        durations = [duration for launched, duration in tasks if begin <= launched < end]
        job |= {"tasks": len(durations), "longest_task_s": max(durations, default=0) / 1000}


@contextmanager
def largest_python_worker() -> Iterator[list[tuple[float, float]]]:
    """(time, GiB of proportional set size of the largest Python worker of Spark), sampled every 2 s."""
    with sampled(lambda: max((pss([p]) / 2**30 for p in _descendants("pyspark.daemon")), default=0.0), 2) as samples:
        yield samples


@contextmanager
def sampled(value: Callable[[], T], seconds: float) -> Iterator[list[tuple[float, T]]]:
    """Samples a value every so many seconds; yields the growing list of (time, value)."""
    samples: list[tuple[float, T]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            samples.append((time.time(), value()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield samples
    finally:
        stop.set()
        watcher.join()


def _descendants(word: str) -> list[psutil.Process]:
    """Descendants of this process with the word in their command line."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                processes.append(process)
        except psutil.Error:
            continue
    return processes


# ---- the driver on a cluster


def heap(keep: Path, events: int) -> float:
    """Peak MiB of the driver's heap after full collections, sampled every 10 s of a night on a standalone cluster.

    `heap.json` has the peak of each job, `heap-JOB.txt` the classes at that peak.
    """
    folder = keep / f"cluster-{events}"
    figure = folder / "heap.json"
    if not figure.exists():
        deliver(folder, SHOP, events)
        os.environ.setdefault("_SPARK_AUTH_SECRET", secrets.token_hex(32))
        wheel, environment = build_wheel(folder), make_environment(folder, False)
        cluster_night = Night(SHOP, folder / "conf", *WINDOWS[SHOP])
        with standalone(folder, environment) as cluster:
            write_conf(cluster_night, cluster.url, "dev")
            with sampled(_driver_heap, 10) as samples:
                used = Submit(cluster_night, folder, environment, wheel, [], cluster).run("night")
        if used.status:
            sys.exit(f"the night of {folder.name} ended with status {used.status}: {folder}/night.log")
        peaks = {}
        for job in rows((folder / "night_wh").as_uri(), COSTS):
            begin, end = job["started_ms"] / 1000, job["started_ms"] / 1000 + job["seconds"]
            if of_job := [sample for at, sample in samples if begin <= at < end]:  # a job of a few seconds has none
                peaks[job["job"]], classes = max(of_job)
                (folder / f"heap-{job['job']}.txt").write_text(classes)
        figure.write_text(json.dumps(peaks, indent=1))
    heaps: dict[str, float] = json.loads(figure.read_text())
    largest = max(heaps, key=lambda name: heaps[name])
    print(
        f"driver's heap on the cluster, {events:,} events: {heaps[largest]:.0f} MiB at most after full collections, in {largest}"
    )
    return heaps[largest]


def _driver_heap() -> tuple[float, str]:
    """(MiB of live objects, their largest classes).

    Collects twice: the first collection tells Spark which broadcasts are no longer referenced, so it frees their blocks.
    """
    for driver in _descendants("org.apache.spark.deploy.SparkSubmit"):
        try:
            subprocess.run(["jcmd", str(driver.pid), "GC.run"], check=True, capture_output=True)
            time.sleep(1)
            command = ["jcmd", str(driver.pid), "GC.class_histogram"]  # also runs a collection
            histogram = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except subprocess.CalledProcessError:  # the driver has just ended
            continue
        *classes, total = histogram.strip().splitlines()
        return int(total.split()[-1]) / 2**20, "\n".join(classes[:50])
    return 0.0, ""


# ---- figures


@dataclass(frozen=True)
class Cost:
    """Growth of a job's CPU between the two largest shops, as an exponent of events.

    Attributes:
        power: measured exponent.
        least: smallest exponent within the noise.
        limit: largest allowed exponent.
    """

    power: float
    least: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.least / self.limit


def table(nights: dict[int, dict[str, Any]]) -> dict[str, Cost]:
    """Prints the costs of each job at each size; returns the growth of its CPU."""
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
    costs = {}
    for job in nights[large]["jobs"]:
        cpu = {events: night["jobs"][job]["cpu_seconds"] for events, night in nights.items()}
        limit = POWER
        if job in TOP_K:
            limit *= math.log(size["users"] * size["products"]) / math.log(size["events"])
        grown = cpu[small] - cpu[EMPTY], cpu[large] - cpu[EMPTY]
        least = power(grown[0] + NOISE_S, grown[1], size["events"])
        cost = Cost(power(*grown, size["events"]), least, limit)
        if not job.startswith("training."):
            costs[job] = cost
        last = nights[large]["jobs"][job]
        print(
            f"{job:30}"
            + "".join(f"{cpu[events]:12.1f}" for events in nights)
            + f"{cost.power:7.2f}{last['seconds']:9.0f}{last['peak_memory_bytes'] / 2**30:11.2f}"
            + f"{last['bytes_read'] / 1e6:9.0f}"
            + f"{last['bytes_shuffled'] / 1e6:13.0f}{last['longest_task_s']:16.1f}"
        )
    return costs


def power(small: float, large: float, times: float) -> float:
    """Exponent of a cost that grows from `small` to `large` when the shop grows `times` times.

    Costs below the noise count as the noise: a job that goes from 0.1 s to 1 s shows nothing.

    >>> power(10.0, 100.0, 10)
    1.0
    >>> power(0.1, 1.0, 10)
    0.0
    """
    return math.log(max(large, NOISE_S) / max(small, NOISE_S)) / math.log(times)


def verdict(nights: dict[int, dict[str, Any]], costs: dict[str, Cost], heaps: dict[int, float]) -> int:
    """Prints the figure; returns the exit status."""
    largest = max(nights)
    run = nights[largest]["run"]
    worst = max(costs, key=lambda job: costs[job].ratio)
    cpu, pss = run["cpu_s"] / 60, run["peak_pss_gib"]
    ratios = [costs[worst].ratio, cpu / CPU_MINUTES, pss / PSS_GIB]
    text = f"cpu_minutes={cpu:.1f} peak_pss_gib={pss:.2f} worst_power={costs[worst].power:.2f} of={worst}"
    if len(heaps) > 1:
        grown = heaps[max(heaps)] / heaps[min(heaps)]
        ratios.append(grown / HEAP)
        text += f" driver_heap_grown={grown:.2f}"
    print(f"figure: scale events={run['events']} {text} ratio={max(ratios):.2f}")
    return int(max(ratios) > 1)


if __name__ == "__main__":
    main()

"""`make airflow-demo`: runs the daily DAG for real, through spark-submit, into a new warehouse, and publishes.

The shop's first load is one window, set by the DAG's parameter `start`. It is compared with the same window in one
process: the tables' checksums must be equal, and the ratio of CPU is the price of starting a JVM for each task.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from libs.conf import load
from libs.metering.process_tree import Measured, measure
from libs.query.ask import ask
from libs.query.checksum import checksums, compare
from libs.spark.session import build_session
from tests import tiny_shop

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW = str(ROOT / "airflow_dags" / "airflow.sh")
LISTS = """
SELECT substr(user_id, 1, 8) AS user, rank, title, sentence FROM recommendations_with_reasons
WHERE shop = ? AND language = 'en' AND rank <= 2 ORDER BY user_id, rank LIMIT 6"""


@dataclass(frozen=True)
class Night:
    """A nightly run: a shop of a conf, in an environment, for the window [start, end), with a pseudonym key."""

    shop: str
    conf: Path
    env: str
    start: str
    end: str
    key: str


def main() -> None:
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("--shop", choices=["music_store", "tiny"], default="music_store")
    options.add_argument("--compare", action=argparse.BooleanOptionalAction, default=True)
    arguments = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reasonrec-airflow-"))  # kept with its logs and tables if the demo fails
    if arguments.shop == "tiny":
        night = Night(tiny_shop.NAME, tiny_shop.write(folder), "test", "1998-01-01", "2014-01-06", "0" * 64)
        (night.conf / "airflow" / "test.yaml").write_text("retries: 0\n")  # a failed task fails the demo at once
    else:
        night = Night("music_store", ROOT / "conf", "dev", "1998-01-01", "2014-06-30", secrets.token_hex(32))
    run(night, folder, arguments.compare)
    shutil.rmtree(folder)


def run(night: Night, folder: Path, with_comparison: bool) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "PYTHONPATH": str(ROOT),
        "REASONREC_CONF": str(night.conf),
        "REASONREC_ENV": night.env,
        "REASONREC_SHOPS": night.shop,
        "REASONREC_WAREHOUSE": str(folder / "by_airflow"),
        "REASONREC_KEY": night.key,
    }
    _logged([AIRFLOW, "db", "migrate"], folder / "migrate.log", environment)
    print(f"airflow dags test daily_recommendations_{night.shop}: log in {folder / 'dag.log'}")
    conf = json.dumps({"start": night.start})
    command = [AIRFLOW, "dags", "test", f"daily_recommendations_{night.shop}", night.end, "--conf", conf]
    by_airflow = _logged(command, folder / "dag.log", environment)
    tasks = _show(night, folder)

    one_process, ratio = "not_measured", "not_measured"
    if with_comparison:
        window = ["--start", night.start, "--end", night.end, "--env", night.env]
        command = [sys.executable, str(ROOT / "jobs" / "run.py"), "daily", "--shop", night.shop, *window]
        print(f"the same window in one process: log in {folder / 'one.log'}")
        environment |= {"REASONREC_WAREHOUSE": str(folder / "by_one_process")}
        by_one_process = _logged(command, folder / "one.log", environment)
        one_process, ratio = f"{by_one_process.cpu_s:.0f}", f"{by_airflow.cpu_s / by_one_process.cpu_s:.2f}"
        _check_equal_tables(night, folder)
    print(
        f"figure: airflow_demo tasks={tasks} cpu_s={by_airflow.cpu_s:.0f} one_process_cpu_s={one_process} ratio={ratio}"
    )


def _logged(command: list[str], log: Path, environment: dict[str, str]) -> Measured:
    """Runs a command with its output in a log; if it fails, prints the end of the log and exits."""
    with log.open("w") as out:
        measured = measure(command, stdout=out, stderr=out, env=environment, cwd=ROOT)
    if measured.status:
        print("\n".join(log.read_text().splitlines()[-60:]), file=sys.stderr)
        sys.exit(f"{' '.join(command)} ended with status {measured.status}")
    return measured


def _show(night: Night, folder: Path) -> int:
    """Checks that all tasks succeeded and one release is published; prints its best rows; returns how many tasks."""
    with sqlite3.connect(folder / "airflow" / "airflow.db") as database:
        states = dict(database.execute("SELECT task_id, state FROM task_instance"))
    print("tasks: " + ", ".join(f"{task} {state}" for task, state in states.items()))
    warehouse = (folder / "by_airflow").as_uri()
    releases = ask(
        warehouse, "SELECT release_id, users, recommendations FROM current_release WHERE shop = ?", [night.shop]
    )
    published = releases.fetchall()
    if set(states.values()) != {"success"} or len(published) != 1:
        sys.exit(f"no release was published: {published}")
    release, users, rows = published[0]
    print(f"release {release}: {users} users, {rows} recommendations")
    for user, rank, title, sentence in ask(warehouse, LISTS, [night.shop]).fetchall():
        print(f"  {user} {rank}. {title[:36]:36} {sentence}")
    return len(states)


def _check_equal_tables(night: Night, folder: Path) -> None:
    """Exits if a table's checksum differs from that of the one-process run."""
    spark = build_session(load(night.conf, night.env, None).env, "reasonrec airflow demo")
    both = [checksums(spark, (folder / name).as_uri(), night.shop) for name in ("by_airflow", "by_one_process")]
    spark.stop()
    differ, close = compare(*both)
    if differ:
        sys.exit(f"tables that differ from the one-process run: {', '.join(differ)}")
    print(f"{len(both[0])} tables equal those of the one-process run ({len(close)} of them to 4 digits)")


if __name__ == "__main__":
    main()

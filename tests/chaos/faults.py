"""Faults that a child process injects into itself: they wrap product functions and strike at the right moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse

from delta.tables import DeltaTable
from pyspark import TaskContext

from libs.conf import conf_root, load
from libs.ingest import cleaning
from libs.spark import delta
from libs.spark.session import build_session
from libs.tables import Table
from libs.tables import table as table_of
from libs.text.clean import clean_text


def die() -> NoReturn:
    """Kills the whole process group, including the JVM, as if the machine lost power."""
    os.killpg(os.getpgid(0), signal.SIGKILL)
    raise AssertionError("unreachable")


def kill_before(table: str) -> None:
    """Dies just before the table is written."""
    _around_write(table, before=lambda path: die())


def kill_after(table: str) -> None:
    """Dies after the table's commit, before the job does anything else."""
    _around_write(table, after=lambda path: die())


def kill_staged(table: str) -> None:
    """Dies once a data file of the commit is on disk, before the commit is in the log."""
    _around_write(table, before=lambda path: _when(has_new_file(path), die))


def kill_in_optimize(table: str) -> None:
    """Dies once OPTIMIZE has written a file, before its commit is in the log."""
    target, path = _opened(table)
    _when(has_new_file(path), die)
    target.optimize().executeCompaction()


def kill_in_vacuum(table: str) -> None:
    """Dies once VACUUM has deleted a file."""
    target, path = _opened(table)
    before = len(data_files(path))
    _when(lambda: len(data_files(path)) < before, die)
    target.vacuum(0)


def bad_workers(marks: str) -> None:
    """While texts are cleaned, one worker raises, one is killed and one stalls, each once."""
    cleaning.clean_text = partial(_badly_cleaned, marks)


def _badly_cleaned(marks: str, text: str) -> str:
    """Runs on a worker. A mark is a file that only one task can create."""
    context = TaskContext.get()
    task = f"{context.stageId()} {context.partitionId()}"
    if _mark(marks, "raised", task):
        raise RuntimeError("a task that raises")
    if _mark(marks, "killed", task):
        os.kill(os.getpid(), signal.SIGKILL)
    slow, again = Path(marks) / "slow", Path(marks) / "run again"
    # Only a first attempt: Spark does not run a speculative copy on a host where an attempt failed.
    if not context.attemptNumber() and _mark(marks, "slow", f"{task} 0"):
        for _ in range(1200):  # the speculative copy ends first; without one this ends as well
            if again.exists():
                time.sleep(2)
                break
            time.sleep(0.1)
    elif slow.exists() and context.attemptNumber() and slow.read_text() == f"{task} 0":
        _mark(marks, "run again", task)
    return clean_text(text)


def _mark(marks: str, name: str, text: str) -> bool:
    """Creates the mark; False if it exists already."""
    try:
        with (Path(marks) / name).open("x") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _opened(table: str) -> tuple[DeltaTable, Path]:
    env = load(conf_root(), "test", None).env
    settings = {
        "spark.databricks.delta.vacuum.parallelDelete.enabled": "false",
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    }
    spark = build_session(env.model_copy(update={"spark": env.spark | settings}))
    uri = delta.uri(env.warehouse, table_of(table))
    return DeltaTable.forPath(spark, uri), Path(urlparse(uri).path)


def _around_write(table: str, before: Any = lambda path: None, after: Any = lambda path: None) -> None:
    real = delta.write

    def write(spark: Any, warehouse: str, target: Table, *args: Any, **kwargs: Any) -> tuple[int, int]:
        path = Path(urlparse(delta.uri(warehouse, target)).path)
        if target.name == table:
            before(path)
        written = real(spark, warehouse, target, *args, **kwargs)
        if target.name == table:
            after(path)
        return written

    delta.write = write


def data_files(path: Path) -> set[Path]:
    return {file for file in path.rglob("*.parquet") if "_delta_log" not in file.parts}


def has_new_file(path: Path) -> Callable[[], bool]:
    """A function that says whether the folder has got a new, non-empty data file since this call."""
    before = data_files(path)
    return lambda: any(_size(file) for file in data_files(path) - before)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # Hadoop first writes under another name
        return 0


def commits(path: Path) -> set[str]:
    return {file.name for file in (path / "_delta_log").glob("*.json")}


def _when(happened: Callable[[], bool], act: Callable[[], object]) -> None:
    """Calls `act`, in a separate thread, as soon as `happened` is true."""

    def watch() -> None:
        while not happened():
            time.sleep(0.001)
        act()

    threading.Thread(target=watch, daemon=True).start()

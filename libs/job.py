"""The context of a job: its tables, parameters and window. A job reads and writes through it and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeVar

from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.alarms.alarm import Alarm
from libs.conf import Conf, typed_params
from libs.conf.shop import ShopConf
from libs.spark import delta
from libs.spark.broadcast import broadcast
from libs.spark.commits import changed_from
from libs.tables import Table, table
from libs.window import Window

P = TypeVar("P")
T = TypeVar("T")


class Job(Protocol):
    """What the catalog says of a job (jobs.catalog.Job)."""

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def writes(self) -> tuple[str, ...]: ...
    @property
    def models(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Run:
    """What all jobs of one command share.

    Attributes:
        window: business days that the run ingests; its end is the day D that the lists are for.
        cutoffs: days as of which features and candidates are computed: D and, when training is due, the training day
            and the folds of its back-test.
        train_cutoff: the training day whose models D uses.
        folds: cut-offs of the back-test, oldest first; empty when training is not due.
        release_id: the release that this attempt writes.
        stale: tonight's training failed and the newest earlier models are used.
    """

    run_id: str
    conf: Conf
    window: Window
    cutoffs: tuple[date, ...]
    train_cutoff: date
    folds: tuple[date, ...]
    release_id: str
    attempt: int
    code_version: str
    stale: bool = False


@dataclass
class JobContext:
    """A job's view of the run; raises PermissionError for tables that the job's catalog entry does not list."""

    spark: SparkSession
    run: Run
    job: Job
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    versions_read: dict[str, int] = field(default_factory=dict)
    versions_written: dict[str, int] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)
    bytes_written: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    _sent: list[Broadcast[Any]] = field(default_factory=list, repr=False)

    @property
    def shop(self) -> ShopConf:
        assert self.run.conf.shop is not None
        return self.run.conf.shop

    @property
    def window(self) -> Window:
        return self.run.window

    @property
    def as_of(self) -> date:
        return self.run.window.as_of

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        extra = {"run": self.run.run_id, "job": self.job.name}
        return logging.LoggerAdapter(logging.getLogger("reasonrec"), extra)

    def params(self, kind: type[P]) -> P:
        """The job's parameters: defaults, overridden by conf/params, overridden by the shop's conf.

        Raises:
            OperatorError: conf names a parameter that the job does not have.
        """
        name = self.job.name
        return typed_params(kind, self.run.conf.job_params(name), f"params of {name}")

    def read(self, name: str) -> DataFrame:
        """The shop's rows of a table; no rows if the table does not exist yet."""
        source = self._allowed(name, self.job.reads, "reads")
        version = delta.version(self.spark, self.run.conf.env.warehouse, source)
        if version is not None:
            self.versions_read[name] = version
        frame = delta.read(self.spark, self.run.conf.env.warehouse, source, version)
        return frame.where(F.col("shop") == self.shop.name)

    def read_cutoffs(self, name: str, cutoffs: tuple[date, ...] | None = None) -> DataFrame:
        """A table's rows as of the given cut-offs (default: the run's)."""
        return self.read(name).where(F.col("cutoff").isin(list(self.run.cutoffs if cutoffs is None else cutoffs)))

    def read_window(self, name: str) -> DataFrame:
        """A table's rows that became known in the run's window."""
        day = F.col("day")
        return self.read(name).where((day >= self.window.start) & (day < self.window.end))

    def write(self, name: str, frame: DataFrame) -> None:
        """Replaces the run's scope of a table (libs.tables.table.Scope), so that a rerun replaces the same rows."""
        target = self._allowed(name, self.job.writes, "writes")
        warehouse = self.run.conf.env.warehouse
        window = (self.window.start, self.window.end)
        release = self.run.release_id
        rows, added = delta.write(
            self.spark, warehouse, target, frame, self.shop.name, window, self.run.cutoffs, release
        )
        version = delta.version(self.spark, warehouse, target)
        self.versions_written[name] = version if version is not None else -1
        self.bytes_written += added or 0
        if rows is not None:
            self.rows_written[name] = rows
        self.log.info("wrote %s: %s rows", name, rows if rows is not None else "?")

    def broadcast(self, value: T) -> Broadcast[T]:
        """Broadcasts a value to the job's tasks until the job ends; see libs.spark.broadcast."""
        shared = broadcast(self.spark, value)
        self._sent.append(shared)
        return shared

    def free(self) -> None:
        """Frees what the job holds in the session: cached frames and broadcasts.

        Without this the driver keeps a broadcast as long as any plan refers to it.
        """
        self.spark.catalog.clearCache()
        while self._sent:
            self._sent.pop().destroy()

    def changed_from(self, name: str, version: int) -> date | None:
        """The first business day whose rows of the shop may differ from those at `version`; None if there is none."""
        self._allowed(name, self.job.reads, "reads")
        newest = self.version(name)
        return date.min if newest is None else changed_from(self.spark, self.uri(name), self.shop.name, version, newest)

    def version(self, name: str) -> int | None:
        """A table's newest Delta version; None where it was never written."""
        return delta.version(self.spark, self.run.conf.env.warehouse, self._listed(name))

    def uri(self, name: str) -> str:
        """Where a table lies in the warehouse."""
        return delta.uri(self.run.conf.env.warehouse, self._listed(name))

    def _listed(self, name: str) -> Table:
        return self._allowed(name, (*self.job.reads, *self.job.writes), "reads and writes")

    def _allowed(self, name: str, listed: tuple[str, ...], verb: str) -> Table:
        if name not in listed:
            raise PermissionError(f"{self.job.name}: the catalog does not list {name!r} among its {verb}")
        return table(name)


def constants(ctx: JobContext, **values: Any) -> dict[str, Any]:
    """The shop's name and the given values as columns, for `DataFrame.withColumns`."""
    return {"shop": F.lit(ctx.shop.name)} | {name: F.lit(value) for name, value in values.items()}

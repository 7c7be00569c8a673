"""Metadata that commits leave in a Delta table's log, and the days that changed according to it."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.spark.jvm import delta_log, java_class

# Operations that change no row.
_LAYOUT_OPERATIONS = {"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"}


def replaced_days(shop: str, start: date, end: date) -> str:
    """The `userMetadata` of a commit that replaces days [start, end) of a shop; `changed_from` reads it."""
    return json.dumps({"shop": shop, "start": f"{start}", "end": f"{end}"})


def commit_info(spark: SparkSession, path: str, version: int) -> dict[str, Any]:
    """The commitInfo of a commit of the table at `path`; {} if it has none.

    `DeltaTable.history` gives the same but runs a Spark job, which takes a good part of the time of a small write.
    """
    log = delta_log(spark, path)
    file = java_class(spark, "org.apache.spark.sql.delta.util.FileNames").unsafeDeltaFile(log.logPath(), version)
    lines = log.store().readAsIterator(file, log.newDeltaHadoopConf())
    try:
        while lines.hasNext():  # commitInfo is the first action, before the files
            if (action := json.loads(lines.next())).keys() == {"commitInfo"}:
                return dict(action["commitInfo"])
    finally:
        lines.close()
    return {}


def changed_from(spark: SparkSession, path: str, shop: str, version: int, newest: int) -> date | None:
    """The first business day of a shop that commits after `version` may have changed; None if no day changed.

    A commit that does not say what it replaced (an erasure, a migration), or that is no longer in the log, may have
    changed any day: the result is then `date.min`. Commits that only rearrange files change no day.

    Args:
        newest: the newest version of the table at `path`.
    """
    if newest <= version:
        return None if newest == version else date.min
    history = DeltaTable.forPath(spark, path).history(newest - version)
    commits = history.where(F.col("version") > version).select("operation", "userMetadata").collect()
    first_days = [date.min] if len(commits) < newest - version else []
    for commit in commits:
        if commit["operation"] in _LAYOUT_OPERATIONS:
            continue
        window = json.loads(commit["userMetadata"] or "{}")
        if window.get("shop") in (shop, None):
            first_days.append(date.fromisoformat(window["start"]) if "start" in window else date.min)
    return min(first_days, default=None)

"""What a commit says of itself in its table's history, and what can be known from that."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.spark.jvm import delta_log, java_class

# Commits that leave every row as it was.
_LAYOUT = {"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"}


def replaced_days(shop: str, start: date, end: date) -> str:
    """What a commit that replaces a window of a shop's days says; `changed_from` reads it."""
    return json.dumps({"shop": shop, "start": f"{start}", "end": f"{end}"})


def commit_info(spark: SparkSession, path: str, version: int) -> dict[str, Any]:
    """What a commit of the table at a path says of itself; {} where it says nothing.

    Delta's `DeltaTable.history` tells the same by a Spark job, which takes a good part of the time of a small write.
    """
    log = delta_log(spark, path)
    file = java_class(spark, "org.apache.spark.sql.delta.util.FileNames").unsafeDeltaFile(log.logPath(), version)
    lines = log.store().readAsIterator(file, log.newDeltaHadoopConf())
    try:
        while lines.hasNext():  # it stands first, before the files
            if (action := json.loads(lines.next())).keys() == {"commitInfo"}:
                return dict(action["commitInfo"])
    finally:
        lines.close()
    return {}


def changed_from(spark: SparkSession, path: str, shop: str, version: int, newest: int) -> date | None:
    """The first business day of a shop whose rows commits after `version` may have changed; None where none has.

    A commit that does not say what it replaced (an erasure, a migration), or is no longer in the log, may have changed
    any: `date.min`. Those that only lay files out anew change none.

    Args:
        newest: the newest version of the table at `path`.
    """
    if newest <= version:
        return None if newest == version else date.min
    history = DeltaTable.forPath(spark, path).history(newest - version)
    commits = history.where(F.col("version") > version).select("operation", "userMetadata").collect()
    found = [date.min] if len(commits) < newest - version else []
    for commit in commits:
        if commit["operation"] in _LAYOUT:
            continue
        told = json.loads(commit["userMetadata"] or "{}")
        if told.get("shop") in (shop, None):
            found.append(date.fromisoformat(told["start"]) if "start" in told else date.min)
    return min(found, default=None)

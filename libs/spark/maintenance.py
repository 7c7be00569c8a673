"""Keeping Delta tables: small files put together, old rows and old files taken away, a person made to vanish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.conf import SHOP_NAME
from libs.spark import delta
from libs.spark.jvm import DELTA_LOG, delta_log, java_class
from libs.spark.session import with_settings
from libs.tables import TABLES, Table

Log = logging.LoggerAdapter[logging.Logger]
# Below this VACUUM asks twice: a reader of an older version, or a writer that has not committed, may need the files.
SAFE_HOURS = 168


def existing(spark: SparkSession, warehouse: str) -> list[Table]:
    """The tables that were ever written."""
    return [table for table in TABLES.values() if delta.exists(spark, warehouse, table)]


def sizes(spark: SparkSession, warehouse: str, table: Table) -> tuple[int, int]:
    """(files, bytes) of the newest version."""
    newest = delta.snapshot(spark, delta.uri(warehouse, table))
    return int(newest.numOfFiles()), int(newest.sizeInBytes())


def compact(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Puts small files together, partition by partition; the rows stay what they are."""
    _commit(spark, warehouse, table, lambda found: found.optimize().executeCompaction())


def vacuum(spark: SparkSession, warehouse: str, table: Table, hours: int = SAFE_HOURS, logged: bool = True) -> None:
    """Deletes files that no version of the last `hours` needs, those of writers that died among them."""
    # Spark lists folders with 10,000 tasks unless told otherwise: half a minute for a table of ten files.
    slots = spark.sparkContext.defaultParallelism * 4
    settings = {"spark.sql.sources.parallelPartitionDiscovery.parallelism": str(slots)}
    if not logged:
        settings["spark.databricks.delta.vacuum.logging.enabled"] = "false"
    if hours < SAFE_HOURS:
        settings["spark.databricks.delta.retentionDurationCheck.enabled"] = "false"
    with with_settings(spark, settings):
        _table(spark, warehouse, table).vacuum(hours)


def delete_where(spark: SparkSession, warehouse: str, table: Table, condition: Column) -> None:
    """Deletes by a condition, which stays to be read in the table's history: no condition that names a person."""
    _commit(spark, warehouse, table, lambda found: found.delete(condition))


def delete_matching(
    spark: SparkSession, warehouse: str, table: Table, shop: str, rows: DataFrame, columns: Sequence[str]
) -> int:
    """Deletes the shop's rows that equal one of `rows` in `columns`; returns how many.

    A join, not a condition: the history then holds the columns' names and no value.
    """
    wanted = rows.select(F.lit(shop).alias("shop"), *columns)
    found: int = delta.read(spark, warehouse, table).join(F.broadcast(wanted), ["shop", *columns], "left_semi").count()
    if found:
        condition = " AND ".join(f"old.{column} = new.{column}" for column in ("shop", *columns))
        _commit(
            spark,
            warehouse,
            table,
            lambda found: found.alias("old").merge(wanted.alias("new"), condition).whenMatchedDelete().execute(),
        )
    return found


def update_matching(
    spark: SparkSession, warehouse: str, table: Table, rows: DataFrame, columns: Sequence[str], keep: str = "true"
) -> None:
    """Sets `columns` of the rows with the keys of `rows`; those for which `keep` (of `new`) is false are deleted."""
    condition = " AND ".join(f"old.{key} <=> new.{key}" for key in table.keys)
    values = {column: f"new.{column}" for column in columns}

    def update(found: DeltaTable) -> None:
        merge = found.alias("old").merge(rows.alias("new"), condition)
        merge.whenMatchedUpdate(condition=keep, set=values).whenMatchedDelete().execute()

    _commit(spark, warehouse, table, update)


def rewrite(spark: SparkSession, warehouse: str, table: Table, frame: DataFrame, shop: str) -> None:
    """Replaces all rows of a shop in one commit."""
    if not SHOP_NAME.fullmatch(shop):
        raise ValueError(f"shop {shop!r} is not a shop's name")
    writer = delta.conform(frame, table).write.format("delta").mode("overwrite")
    path = delta.uri(warehouse, table)
    delta.committed(path, table, lambda _: writer.option("replaceWhere", f"shop = '{shop}'").save(path))


def purge_history(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Leaves the newest version alone: no file and no log entry of an older one, whose statistics hold values.

    Delta keeps its log for weeks; what it may drop then is dropped now: everything before a checkpoint. A reader that
    is still at an older version fails and has to ask again.
    """
    vacuum(spark, warehouse, table, 0, logged=False)
    path = delta.uri(warehouse, table)
    # The checkpoint's own entry stays: it must be one that names no file.
    marker = "ALTER TABLE IDENTIFIER(:path) SET TBLPROPERTIES ('reasonrec.history' = 'forgotten')"
    spark.sql(marker, args={"path": delta.identifier(path)})
    log = delta_log(spark, path)
    log.checkpoint()
    newest = delta.snapshot(spark, path).version()
    files = log.logPath().getFileSystem(spark._jsc.hadoopConfiguration())
    for status in files.listStatus(log.logPath()):
        number = status.getPath().getName()[:20]
        if number.isdigit() and int(number) < newest:
            files.delete(status.getPath(), False)
    # What the session remembers of the log lists the files that are gone.
    java_class(spark, DELTA_LOG).invalidateCache(spark._jsparkSession, log.dataPath())


def forget_all(spark: SparkSession, warehouse: str, log: Log) -> None:
    """`purge_history` for every table, those without a deletion now too: their old files may hold what is gone."""
    tables = existing(spark, warehouse)
    for number, table in enumerate(tables, 1):
        purge_history(spark, warehouse, table)
        log.info("[%d/%d] %s: history forgotten", number, len(tables), table.name)


def _table(spark: SparkSession, warehouse: str, table: Table) -> DeltaTable:
    return DeltaTable.forPath(spark, delta.uri(warehouse, table))


def _commit(spark: SparkSession, warehouse: str, table: Table, change: Callable[[DeltaTable], object]) -> None:
    """A night may be running: its commits and this one come one after another."""
    delta.committed(delta.uri(warehouse, table), table, lambda _: change(_table(spark, warehouse, table)))

"""Maintenance of Delta tables: compaction, vacuum, deletes and updates by key, purged history."""

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
# Delta refuses a shorter retention unless its check is off: readers of older versions and writers that have not
# committed yet may need the files.
SAFE_HOURS = 168


def existing(spark: SparkSession, warehouse: str) -> list[Table]:
    """The tables that exist in the warehouse."""
    return [table for table in TABLES.values() if delta.exists(spark, warehouse, table)]


def sizes(spark: SparkSession, warehouse: str, table: Table) -> tuple[int, int]:
    """(files, bytes) of the newest version."""
    newest = delta.snapshot(spark, delta.uri(warehouse, table))
    return int(newest.numOfFiles()), int(newest.sizeInBytes())


def compact(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Merges small files, partition by partition; no row changes."""
    _commit(spark, warehouse, table, lambda target: target.optimize().executeCompaction())


def vacuum(spark: SparkSession, warehouse: str, table: Table, hours: int = SAFE_HOURS, logged: bool = True) -> None:
    """Deletes files that no version of the last `hours` needs, including those of writers that died."""
    # By default Spark lists folders with 10,000 tasks: half a minute for a table of ten files.
    slots = spark.sparkContext.defaultParallelism * 4
    settings = {"spark.sql.sources.parallelPartitionDiscovery.parallelism": str(slots)}
    if not logged:
        settings["spark.databricks.delta.vacuum.logging.enabled"] = "false"
    if hours < SAFE_HOURS:
        settings["spark.databricks.delta.retentionDurationCheck.enabled"] = "false"
    with with_settings(spark, settings):
        _table(spark, warehouse, table).vacuum(hours)


def delete_where(spark: SparkSession, warehouse: str, table: Table, condition: Column) -> None:
    """Deletes rows by a condition. The table's history keeps its text, so it must not name a person."""
    _commit(spark, warehouse, table, lambda target: target.delete(condition))


def delete_matching(
    spark: SparkSession, warehouse: str, table: Table, shop: str, rows: DataFrame, columns: Sequence[str]
) -> int:
    """Deletes the shop's rows that equal a row of `rows` in `columns`; returns how many.

    A merge rather than a condition: the table's history then records column names and no value.
    """
    keys = rows.select(F.lit(shop).alias("shop"), *columns)
    count: int = delta.read(spark, warehouse, table).join(F.broadcast(keys), ["shop", *columns], "left_semi").count()
    if count:
        condition = " AND ".join(f"old.{column} = new.{column}" for column in ("shop", *columns))
        _commit(
            spark,
            warehouse,
            table,
            lambda target: target.alias("old").merge(keys.alias("new"), condition).whenMatchedDelete().execute(),
        )
    return count


def update_matching(
    spark: SparkSession, warehouse: str, table: Table, rows: DataFrame, columns: Sequence[str], keep: str = "true"
) -> None:
    """Sets `columns` of the rows with the keys of `rows`; deletes them where the SQL `keep` (over `new`) is false."""
    condition = " AND ".join(f"old.{key} <=> new.{key}" for key in table.keys)
    values = {column: f"new.{column}" for column in columns}

    def update(target: DeltaTable) -> None:
        merge = target.alias("old").merge(rows.alias("new"), condition)
        merge.whenMatchedUpdate(condition=keep, set=values).whenMatchedDelete().execute()

    _commit(spark, warehouse, table, update)


def rewrite(spark: SparkSession, warehouse: str, table: Table, frame: DataFrame, shop: str) -> None:
    """Replaces all rows of a shop in one commit."""
    if not SHOP_NAME.fullmatch(shop):
        raise ValueError(f"{shop!r} is not a valid shop name")
    writer = delta.conform(frame, table).write.format("delta").mode("overwrite")
    path = delta.uri(warehouse, table)
    delta.committed(path, table, lambda _: writer.option("replaceWhere", f"shop = '{shop}'").save(path))


def purge_history(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Keeps only the newest version: deletes older files, and older log entries, whose statistics hold values.

    Delta itself would keep log entries before a checkpoint for weeks. A reader that is still at an older version fails
    and must query again.
    """
    vacuum(spark, warehouse, table, 0, logged=False)
    path = delta.uri(warehouse, table)
    # The log entry at the checkpoint stays, so it must be one that names no file.
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
    # The session's cached log still lists the deleted files.
    java_class(spark, DELTA_LOG).invalidateCache(spark._jsparkSession, log.dataPath())


def purge_all_histories(spark: SparkSession, warehouse: str, log: Log) -> None:
    """`purge_history` of every table; also of those without a deletion now, since old files may hold deleted rows."""
    tables = existing(spark, warehouse)
    for number, table in enumerate(tables, 1):
        purge_history(spark, warehouse, table)
        log.info("[%d/%d] %s: history purged", number, len(tables), table.name)


def _table(spark: SparkSession, warehouse: str, table: Table) -> DeltaTable:
    return DeltaTable.forPath(spark, delta.uri(warehouse, table))


def _commit(spark: SparkSession, warehouse: str, table: Table, change: Callable[[DeltaTable], object]) -> None:
    """Runs `change` under the table's commit lock and retries: a nightly run may be committing at the same time."""
    delta.committed(delta.uri(warehouse, table), table, lambda _: change(_table(spark, warehouse, table)))

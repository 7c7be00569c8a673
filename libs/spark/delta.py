"""Reading and writing Delta tables: the only module that imports delta."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.conf import SHOP_NAME
from libs.tables import Table

# Snapshot rows without a time, and rows whose time cannot be read, belong to every window: their source is read whole.
TIMELESS = date(1970, 1, 1)


class SchemaError(ValueError):
    """A DataFrame that does not have exactly the table's columns."""


def uri(warehouse: str, table: Table) -> str:
    return f"{warehouse.rstrip('/')}/{table.layer}/{table.name.split('.')[1]}"


def exists(spark: SparkSession, warehouse: str, table: Table) -> bool:
    return bool(DeltaTable.isDeltaTable(spark, uri(warehouse, table)))


def read(spark: SparkSession, warehouse: str, table: Table, version: int | None = None) -> DataFrame:
    """The table at a version, or an empty DataFrame of its schema where nothing was written yet."""
    if not exists(spark, warehouse, table):
        return spark.createDataFrame([], table.ddl)
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(uri(warehouse, table)).select(*table.column_names)


def version(spark: SparkSession, warehouse: str, table: Table) -> int | None:
    """The table's newest version; None where it does not exist."""
    if not exists(spark, warehouse, table):
        return None
    row = DeltaTable.forPath(spark, uri(warehouse, table)).history(1).select("version").first()
    return int(row["version"]) if row else None


def write(
    spark: SparkSession,
    warehouse: str,
    table: Table,
    frame: DataFrame,
    shop: str,
    window: tuple[date, date] | None = None,
    cutoffs: Iterable[date] = (),
) -> None:
    """Writes what the table's scope replaces; checks the columns first.

    Raises:
        SchemaError: `frame` lacks a column, has one too many, or one of another type.
    """
    frame = conform(frame, table)
    path = uri(warehouse, table)
    if table.scope == "merge":
        _merge(spark, path, table, frame)
        return
    writer = frame.write.format("delta").partitionBy(*table.partitioned_by)
    if table.scope in ("release", "run"):
        writer.mode("append").save(path)
        return
    if not DeltaTable.isDeltaTable(spark, path):
        writer.mode("append").save(path)
        return
    writer.mode("overwrite").option("replaceWhere", replaced(table, shop, window, cutoffs)).save(path)


def write_empty(spark: SparkSession, warehouse: str, table: Table) -> None:
    """Creates a table without rows, where it is not there."""
    writer = spark.createDataFrame([], table.ddl).write.format("delta").partitionBy(*table.partitioned_by)
    writer.mode("ignore").save(uri(warehouse, table))


def conform(frame: DataFrame, table: Table) -> DataFrame:
    """Exactly the table's columns in its order, of its types; integers may widen, nothing else is cast."""
    missing = [name for name in table.column_names if name not in frame.columns]
    extra = [name for name in frame.columns if name not in table.column_names]
    if missing or extra:
        raise SchemaError(f"{table.name}: missing columns {missing}, unknown columns {extra}")
    typed = frame.select([F.col(c.name).cast(c.type).alias(c.name) for c in table.columns])
    found, wanted = dict(frame.dtypes), dict(typed.dtypes)
    for name in table.column_names:
        if _family(found[name]) != _family(wanted[name]):
            raise SchemaError(f"{table.name}.{name}: is {found[name]}, expected {wanted[name]}")
    return typed


def _family(kind: str) -> str:
    for narrow, wide in (("tinyint", "bigint"), ("smallint", "bigint"), ("float", "double"), ("void", "string")):
        kind = kind.replace(narrow, wide)
    if kind.startswith("decimal"):
        return "decimal"
    return kind.replace("bigint", "int")


def replaced(table: Table, shop: str, window: tuple[date, date] | None, cutoffs: Iterable[date]) -> str:
    """The predicate of what a rerun replaces. Its values are dates and a shop's checked name, never free text."""
    if not SHOP_NAME.fullmatch(shop):
        raise ValueError(f"shop {shop!r} is not a shop's name")
    if table.scope == "window":
        if window is None:
            raise ValueError(f"{table.name}: a window is needed")
        start, end = window
        return f"shop = '{shop}' AND ((day >= '{start:%Y-%m-%d}' AND day < '{end:%Y-%m-%d}') OR day = '{TIMELESS}')"
    days = ", ".join(f"'{day:%Y-%m-%d}'" for day in sorted(set(cutoffs)))
    if not days:
        raise ValueError(f"{table.name}: a cut-off is needed")
    return f"shop = '{shop}' AND cutoff IN ({days})"


def _merge(spark: SparkSession, path: str, table: Table, frame: DataFrame) -> None:
    if not DeltaTable.isDeltaTable(spark, path):
        frame.write.format("delta").partitionBy(*table.partitioned_by).mode("append").save(path)
        return
    on = " AND ".join(f"old.{key} <=> new.{key}" for key in table.keys)
    target = DeltaTable.forPath(spark, path).alias("old")
    target.merge(frame.alias("new"), on).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


def written(spark: SparkSession, warehouse: str, table: Table) -> tuple[int | None, int | None]:
    """Rows and bytes of the newest commit, from the log; None where it does not tell."""
    if not exists(spark, warehouse, table):
        return None, None
    row = DeltaTable.forPath(spark, uri(warehouse, table)).history(1).select("operationMetrics").first()
    metrics = row["operationMetrics"] if row else None
    told = [(metrics or {}).get(name) for name in ("numOutputRows", "numOutputBytes", "numTargetBytesAdded")]
    rows, added, merged = (None if one is None else int(one) for one in told)
    return rows, merged if added is None else added


def live_files(frame: DataFrame) -> list[str]:
    """URIs of the files behind a snapshot; with deletion vectors off they hold its rows and no other."""
    return sorted(frame.inputFiles())

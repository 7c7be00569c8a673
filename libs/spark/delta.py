"""Reading and writing Delta tables: the only module that imports delta."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import reduce
from typing import Any, TypeVar

from delta.exceptions import captured
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt

from libs.conf import SHOP_NAME
from libs.errors import ConflictError, OperatorError
from libs.spark.commits import commit_info, replaced_days
from libs.spark.jvm import delta_log, java_class
from libs.spark.locks import BusyError, commit_lock
from libs.tables import Table

# Snapshot rows without a time, and rows whose time cannot be read, belong to every window: their source is read whole.
TIMELESS = date(1970, 1, 1)


SCHEMA_VERSION = "reasonrec.schema_version"  # a property of every table
# What Delta raises when another writer came first; in Python they have no base of their own.
_CONFLICTS = (
    captured.DeltaConcurrentModificationException,
    captured.ConcurrentWriteException,
    captured.MetadataChangedException,
    captured.ProtocolChangedException,
    captured.ConcurrentAppendException,
    captured.ConcurrentDeleteReadException,
    captured.ConcurrentDeleteDeleteException,
    captured.ConcurrentTransactionException,
)
_TRIES = 6
_retrying = Retrying(
    retry=retry_if_exception_type(_CONFLICTS),
    stop=stop_after_attempt(_TRIES),
    # At random, to part two writers; it doubles, to outlast a long commit.
    wait=lambda state: random.uniform(0.1, 0.5) * 2**state.attempt_number,  # noqa: S311
)
_T = TypeVar("_T")
_RELEASE_ID = re.compile(r"\d{4}-\d{2}-\d{2}-\d{2,6}")


class SchemaError(ValueError):
    """A DataFrame that does not have exactly the table's columns."""


def uri(warehouse: str, table: Table) -> str:
    return f"{warehouse.rstrip('/')}/{table.layer}/{table.name.split('.')[1]}"


def exists(spark: SparkSession, warehouse: str, table: Table) -> bool:
    return is_table(spark, uri(warehouse, table))


def is_table(spark: SparkSession, path: str) -> bool:
    """Delta's `DeltaTable.isDeltaTable`, whose class is found by its whole name: see `java_class`."""
    return bool(java_class(spark, "io.delta.tables.DeltaTable").isDeltaTable(spark._jsparkSession, path))


def read(spark: SparkSession, warehouse: str, table: Table, version: int | None = None) -> DataFrame:
    """The table at a version, or an empty DataFrame of its schema where nothing was written yet."""
    if not exists(spark, warehouse, table):
        return spark.createDataFrame([], table.ddl)
    require_version(spark, uri(warehouse, table), table)
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(uri(warehouse, table)).select(*table.column_names)


def version(spark: SparkSession, warehouse: str, table: Table) -> int | None:
    """The table's newest version; None where it does not exist."""
    return int(snapshot(spark, uri(warehouse, table)).version()) if exists(spark, warehouse, table) else None


def snapshot(spark: SparkSession, path: str) -> Any:
    """The newest snapshot of the table at a path, from Delta's own log: no job runs for it."""
    nothing = java_class(spark, "scala.Option").empty()
    return delta_log(spark, path).update(False, nothing, nothing)


def schema_version(spark: SparkSession, path: str) -> int:
    """The version its columns are of; tables older than the property are of the first."""
    found = snapshot(spark, path).metadata().configuration().get(SCHEMA_VERSION)
    return int(found.get()) if found.isDefined() else 1


def require_version(spark: SparkSession, path: str, table: Table) -> None:
    """Raises OperatorError unless the table, which must exist, has the columns this code knows."""
    found = schema_version(spark, path)
    if found < table.schema_version:
        raise OperatorError(
            f"{table.name} is of schema version {found}, this code needs {table.schema_version}:"
            " run maintenance.migrate_tables first"
        )
    if found > table.schema_version:
        raise OperatorError(
            f"{table.name} is of schema version {found}, this code knows {table.schema_version}: a warehouse does not"
            " go back; run the newer release of reasonrec"
        )


def create(frame: DataFrame, path: str, table: Table) -> None:
    """A new table of the frame's rows in one commit, its schema version among its properties."""
    replace_or_create(frame, path, table).create()


def _create_among_files(spark: SparkSession, path: str, table: Table) -> None:
    """An empty table where `create` finds files: of a writer that died before its first commit, or that was first.

    Deleting them would be wrong, a living writer may have staged them; VACUUM takes those that nobody commits.
    """
    empty = spark.createDataFrame([], table.ddl).write.format("delta").partitionBy(*table.partitioned_by)
    empty.mode("append").save(path)
    if not snapshot(spark, path).metadata().configuration().contains(SCHEMA_VERSION):
        marked = f"ALTER TABLE IDENTIFIER(:path) SET TBLPROPERTIES ('{SCHEMA_VERSION}' = '{table.schema_version}')"
        spark.sql(marked, args={"path": identifier(path)})


def replace_or_create(frame: DataFrame, path: str, table: Table) -> Any:
    """A writer whose `create` or `replace` gives a table of the frame's rows, columns and properties in one commit."""
    writer = frame.writeTo(identifier(path)).using("delta").tableProperty(SCHEMA_VERSION, str(table.schema_version))
    return writer.partitionedBy(*[F.col(name) for name in table.partitioned_by])


def identifier(path: str) -> str:
    """A path in place of a table's name, in SQL."""
    return "delta.`" + path.replace("`", "``") + "`"


def write(
    spark: SparkSession,
    warehouse: str,
    table: Table,
    frame: DataFrame,
    shop: str,
    window: tuple[date, date] | None = None,
    cutoffs: Iterable[date] = (),
    release_id: str | None = None,
) -> None:
    """Writes what the table's scope replaces; checks the columns first.

    Commits of runs at the same time come one after another: on a local disk by a lock, elsewhere by Delta's own check,
    after which the write is tried again.

    Raises:
        SchemaError: `frame` lacks a column, has one too many, or one of another type.
        ConflictError: other writers came first each time, or another run wrote the rows of this release.
    """
    frame = conform(frame, table)
    path = uri(warehouse, table)
    where = None
    if table.scope not in ("merge", "run"):
        where = replaced(table, shop, window, cutoffs, release_id)
    told = replaced_days(shop, *window) if table.scope == "window" and window else None
    committed(path, table, lambda alone: _commit(spark, path, table, frame, where, alone, told))


def committed(path: str, table: Table, commit: Callable[[bool], _T]) -> _T:
    """Calls `commit`, which commits to the table, again where another writer came first; what it returns.

    It is told whether it is alone: no other process of this machine then commits to the table meanwhile.

    Raises:
        ConflictError: other writers came first each time.
    """

    def attempt() -> _T:
        with commit_lock(path) as alone:
            return commit(alone)

    try:
        return _retrying(attempt)
    except BusyError as error:
        raise ConflictError(str(error)) from None
    except RetryError:
        raise ConflictError(
            f"{table.name}: other runs wrote to it {_TRIES} times in a row; run again when they are done"
        ) from None


def _commit(
    spark: SparkSession, path: str, table: Table, frame: DataFrame, where: str | None, alone: bool, told: str | None
) -> None:
    """One commit: a new table, rows merged by key, appended, or in the place of those that `where` names."""
    if not is_table(spark, path):
        try:
            create(frame, path, table)
            return
        except AnalysisException as error:
            if error.getCondition() != "TABLE_OR_VIEW_ALREADY_EXISTS":
                raise
            _create_among_files(spark, path, table)
    require_version(spark, path, table)
    if table.scope == "merge":
        _merge(spark, path, table, frame)
        return
    writer = frame.write.format("delta").partitionBy(*table.partitioned_by)
    if where is None:
        writer.mode("append").save(path)
        return
    if table.scope == "release" and not spark.read.format("delta").load(path).where(where).isEmpty():
        raise ConflictError(
            f"{table.name}: has rows of this attempt already, another run may be writing it; run the group again, which"
            " makes a new attempt"
        )
    if table.scope == "release" and alone:
        writer.mode("append").save(path)
        return
    if told:
        writer = writer.option("userMetadata", told)
    # A release replaces nothing; asked to, Delta notices another writer of the same one.
    writer.mode("overwrite").option("replaceWhere", where).save(path)


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


def replaced(
    table: Table,
    shop: str,
    window: tuple[date, date] | None,
    cutoffs: Iterable[date],
    release_id: str | None = None,
) -> str:
    """The predicate of what a rerun replaces. Its values are dates, a shop's and a release's checked names."""
    if not SHOP_NAME.fullmatch(shop):
        raise ValueError(f"shop {shop!r} is not a shop's name")
    if table.scope == "window":
        if window is None:
            raise ValueError(f"{table.name}: a window is needed")
        start, end = window
        return f"shop = '{shop}' AND ((day >= '{start:%Y-%m-%d}' AND day < '{end:%Y-%m-%d}') OR day = '{TIMELESS}')"
    if table.scope == "release":
        if not _RELEASE_ID.fullmatch(release_id or ""):
            raise ValueError(f"{table.name}: {release_id!r} is not a release's id")
        return f"shop = '{shop}' AND release_id = '{release_id}'"
    days = ", ".join(f"'{day:%Y-%m-%d}'" for day in sorted(set(cutoffs)))
    if not days:
        raise ValueError(f"{table.name}: a cut-off is needed")
    return f"shop = '{shop}' AND cutoff IN ({days})"


def _merge(spark: SparkSession, path: str, table: Table, frame: DataFrame) -> None:
    on = " AND ".join(f"old.{key} <=> new.{key}" for key in table.keys)
    target = DeltaTable.forPath(spark, path).alias("old")
    merge = target.merge(frame.alias("new"), on).whenMatchedUpdateAll().whenNotMatchedInsertAll()
    if table.together:
        for answer in frame.select(*table.together).distinct().collect():
            same = [F.col(f"old.{name}").eqNullSafe(F.lit(answer[name])) for name in table.together]
            merge = merge.whenNotMatchedBySourceDelete(reduce(Column.__and__, same))
    merge.execute()


def written(spark: SparkSession, warehouse: str, table: Table) -> tuple[int | None, int | None]:
    """Rows and bytes of the newest commit, from the log; None where it does not tell."""
    if not exists(spark, warehouse, table):
        return None, None
    path = uri(warehouse, table)
    metrics = commit_info(spark, path, snapshot(spark, path).version()).get("operationMetrics", {})
    told = [metrics.get(name) for name in ("numOutputRows", "numOutputBytes", "numTargetBytesAdded")]
    rows, added, merged = (None if one is None else int(one) for one in told)
    return rows, merged if added is None else added


def live_files(frame: DataFrame) -> list[str]:
    """URIs of the files behind a snapshot; with deletion vectors off they hold its rows and no other."""
    return sorted(frame.inputFiles())

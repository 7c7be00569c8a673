"""Reading and writing Delta tables: the only module that imports delta."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import reduce
from typing import Any, TypeVar

import deltalake
import pyarrow as pa
from delta.exceptions import captured
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt

from libs.conf import SHOP_NAME
from libs.errors import ConflictError, OperatorError
from libs.spark.commits import commit_info, replaced_days
from libs.spark.jvm import delta_log, java_class
from libs.spark.locks import BusyError, commit_lock
from libs.tables import Table

# The day of rows that have no time or an unreadable one. They belong to every window: their source is read whole.
TIMELESS = date(1970, 1, 1)

SCHEMA_VERSION = "reasonrec.schema_version"  # a property of every table
# Raised by Delta when another writer committed first; the Python classes have no common base.
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
_MANY_FILES = 200  # of a table of records; more are put together
_RELEASE_ID = re.compile(r"\d{4}-\d{2}-\d{2}-\d{2,6}")


class SchemaError(ValueError):
    """A DataFrame does not have exactly the table's columns."""


def uri(warehouse: str, table: Table) -> str:
    """Where the table lies in the warehouse."""
    return f"{warehouse.rstrip('/')}/{table.layer}/{table.name.split('.')[1]}"


def exists(spark: SparkSession, warehouse: str, table: Table) -> bool:
    return is_table(spark, uri(warehouse, table))


def is_table(spark: SparkSession, path: str) -> bool:
    """`DeltaTable.isDeltaTable`, without py4j's slow class lookup: see `java_class`."""
    return bool(java_class(spark, "io.delta.tables.DeltaTable").isDeltaTable(spark._jsparkSession, path))


def read(spark: SparkSession, warehouse: str, table: Table, version: int | None = None) -> DataFrame:
    """The table at a version (default: the newest), or an empty DataFrame of its schema if it does not exist yet."""
    if not exists(spark, warehouse, table):
        return spark.createDataFrame([], table.ddl)
    require_version(spark, uri(warehouse, table), table)
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(uri(warehouse, table)).select(*table.column_names)


def version(spark: SparkSession, warehouse: str, table: Table) -> int | None:
    """The table's newest version; None if the table does not exist."""
    return int(snapshot(spark, uri(warehouse, table)).version()) if exists(spark, warehouse, table) else None


def snapshot(spark: SparkSession, path: str) -> Any:
    """The newest snapshot of the table at a path, from Delta's log on the driver: no Spark job runs."""
    nothing = java_class(spark, "scala.Option").empty()
    return delta_log(spark, path).update(False, nothing, nothing)


def schema_version(spark: SparkSession, path: str) -> int:
    """The schema version of a table; tables that predate the property are of version 1."""
    value = snapshot(spark, path).metadata().configuration().get(SCHEMA_VERSION)
    return int(value.get()) if value.isDefined() else 1


def require_version(spark: SparkSession, path: str, table: Table) -> None:
    """Raises OperatorError unless the table at `path`, which must exist, has this code's schema version."""
    stored = schema_version(spark, path)
    if stored < table.schema_version:
        raise OperatorError(
            f"{table.name} is of schema version {stored}, this code needs {table.schema_version}:"
            " run maintenance.migrate_tables first"
        )
    if stored > table.schema_version:
        raise OperatorError(
            f"{table.name} is of schema version {stored}, this code knows {table.schema_version}: a warehouse does not"
            " go back; run the newer release of reasonrec"
        )


def create(frame: DataFrame, path: str, table: Table) -> None:
    """Creates the table with the frame's rows and the schema version in one commit."""
    replace_or_create(frame, path, table).create()


def _create_among_files(spark: SparkSession, path: str, table: Table) -> None:
    """Creates an empty table in a folder with files that no commit names, where `create` refuses to work.

    They are left by a writer that died before its first commit, or belong to one that has not committed yet. They must
    not be deleted: a live writer may still commit them. VACUUM removes those that nobody commits.
    """
    empty = spark.createDataFrame([], table.ddl).write.format("delta").partitionBy(*table.partitioned_by)
    empty.mode("append").save(path)
    if not snapshot(spark, path).metadata().configuration().contains(SCHEMA_VERSION):
        set_version = f"ALTER TABLE IDENTIFIER(:path) SET TBLPROPERTIES ('{SCHEMA_VERSION}' = '{table.schema_version}')"
        spark.sql(set_version, args={"path": identifier(path)})


def replace_or_create(frame: DataFrame, path: str, table: Table) -> Any:
    """A writer whose `create` or `replace` sets the table's rows, columns and properties in one commit."""
    writer = frame.writeTo(identifier(path)).using("delta").tableProperty(SCHEMA_VERSION, str(table.schema_version))
    return writer.partitionedBy(*[F.col(name) for name in table.partitioned_by])


def identifier(path: str) -> str:
    """A path as a table name in SQL."""
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
) -> tuple[int | None, int | None]:
    """Writes what the table's scope replaces; checks the columns first.

    Commits of runs at the same time come one after another: on a local disk by a lock, elsewhere by Delta's own check,
    after which the write is tried again.

    Returns:
        (rows, bytes) written, None for what the log does not say; (0, 0) if there was nothing to commit.

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

    def commit(alone: bool) -> tuple[int | None, int | None]:
        before = version(spark, warehouse, table)
        _commit(spark, path, table, frame, where, alone, told)
        return _written_since(spark, path, before)

    return committed(path, table, commit)


def append_records(spark: SparkSession, warehouse: str, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Appends a few rows, with the table's columns in its order, to a table of scope `run`.

    On a local disk without a Spark job: it takes 0.03 CPU seconds, Spark ten times as long; and many small files become
    one. On an object store by Spark, whose log store is the one that makes commits safe there.

    Raises:
        ConflictError: another writer holds the table for too long.
    """
    path = uri(warehouse, table)
    if not path.startswith("file:") or not exists(spark, warehouse, table):
        write(spark, warehouse, table, spark.createDataFrame(rows, table.ddl).coalesce(1), "")
        return
    require_version(spark, path, table)
    schema = to_arrow_schema(StructType.fromDDL(table.ddl))
    columns = [
        pa.array([list(value.items()) if isinstance(value, dict) else value for value in column], field.type)
        for column, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]

    def commit(_: bool) -> None:
        target = deltalake.DeltaTable(path)
        deltalake.write_deltalake(target, pa.Table.from_arrays(columns, schema=schema), mode="append")
        target.update_incremental()
        if len(target.file_uris()) > _MANY_FILES:
            target.optimize.compact()

    committed(path, table, commit)


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
    """Selects the table's columns in its order and types.

    Only widening casts are allowed: integers, float to double, the scale of a decimal, null to string.

    Raises:
        SchemaError: a column is missing, unknown, or of another type.
    """
    missing = [name for name in table.column_names if name not in frame.columns]
    extra = [name for name in frame.columns if name not in table.column_names]
    if missing or extra:
        raise SchemaError(f"{table.name}: missing columns {missing}, unknown columns {extra}")
    typed = frame.select([F.col(c.name).cast(c.type).alias(c.name) for c in table.columns])
    actual, expected = dict(frame.dtypes), dict(typed.dtypes)
    for name in table.column_names:
        if _type_family(actual[name]) != _type_family(expected[name]):
            raise SchemaError(f"{table.name}.{name}: is {actual[name]}, expected {expected[name]}")
    return typed


def _type_family(kind: str) -> str:
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
    """The SQL predicate of the rows that a rerun replaces. All values in it are dates or checked names."""
    if not SHOP_NAME.fullmatch(shop):
        raise ValueError(f"{shop!r} is not a valid shop name")
    if table.scope == "window":
        if window is None:
            raise ValueError(f"{table.name}: needs a window")
        start, end = window
        return f"shop = '{shop}' AND ((day >= '{start:%Y-%m-%d}' AND day < '{end:%Y-%m-%d}') OR day = '{TIMELESS}')"
    if table.scope == "release":
        if not _RELEASE_ID.fullmatch(release_id or ""):
            raise ValueError(f"{table.name}: {release_id!r} is not a valid release id")
        return f"shop = '{shop}' AND release_id = '{release_id}'"
    days = ", ".join(f"'{day:%Y-%m-%d}'" for day in sorted(set(cutoffs)))
    if not days:
        raise ValueError(f"{table.name}: needs a cut-off")
    return f"shop = '{shop}' AND cutoff IN ({days})"


def _merge(spark: SparkSession, path: str, table: Table, frame: DataFrame) -> None:
    on = " AND ".join(f"old.{key} <=> new.{key}" for key in table.keys)
    target = DeltaTable.forPath(spark, path).alias("old")
    merge = target.merge(frame.alias("new"), on).whenMatchedUpdateAll().whenNotMatchedInsertAll()
    if table.together:
        for group in frame.select(*table.together).distinct().collect():
            in_group = [F.col(f"old.{name}").eqNullSafe(F.lit(group[name])) for name in table.together]
            merge = merge.whenNotMatchedBySourceDelete(reduce(Column.__and__, in_group))
    merge.execute()


def _written_since(spark: SparkSession, path: str, before: int | None) -> tuple[int | None, int | None]:
    """(rows, bytes) of the newest commit, from the log; (0, 0) if the table still has version `before`.

    Delta makes no commit of nothing: the newest one is then that of another shop or job.
    """
    newest = snapshot(spark, path).version()
    if newest == before:
        return 0, 0
    metrics = commit_info(spark, path, newest).get("operationMetrics", {})
    values = [metrics.get(name) for name in ("numOutputRows", "numOutputBytes", "numTargetBytesAdded")]
    rows, added, merged = (None if value is None else int(value) for value in values)
    return rows, merged if added is None else added


def live_files(frame: DataFrame) -> list[str]:
    """URIs of the files behind a frame of a Delta table. Deletion vectors are off, so the files hold only live rows."""
    return sorted(frame.inputFiles())

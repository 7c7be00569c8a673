"""Checksums that show whether two warehouses hold the same tables: schema, row and null counts, sum of row hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.spark import delta
from libs.tables import TABLES, Table

# Records of runs, not data: they differ between two equal runs.
_RUN_RECORDS = {"quality.job_runs", "quality.audits", "quality.alarms"}


@dataclass(frozen=True)
class Checksum:
    """A table's checksum: `exact` hashes all values, `close` rounds floating-point numbers to 4 decimals first."""

    table: str
    rows: int
    exact: str
    close: str


def checksum(frame: DataFrame, table: Table) -> Checksum:
    """The table's checksum without volatile columns such as run ids and times (`Table.volatile`).

    Row hashes are summed as decimals, so neither the order nor the partitioning of the rows matters.
    """
    names = [name for name in table.column_names if name not in table.volatile]
    rows = frame.select(*names)
    hashes = [
        F.sum(F.xxhash64(*[_hashable(F.col(name), kind, rounded) for name, kind in rows.dtypes]).cast("decimal(38,0)"))
        for rounded in (False, True)
    ]
    nulls = [F.sum(F.col(name).isNull().cast("bigint")) for name in names]
    totals = rows.agg(F.count("*"), *hashes, *nulls).first()
    assert totals is not None
    count, exact, close, *null_counts = totals
    schema = str(rows.dtypes)

    def digest(value: object) -> str:
        return hashlib.sha256(f"{schema}|{count}|{null_counts}|{value}".encode()).hexdigest()[:16]

    return Checksum(table.name, int(count), digest(exact), digest(close))


def checksums(spark: SparkSession, warehouse: str, shop: str, names: Iterable[str] = ()) -> list[Checksum]:
    """Checksums of a shop's rows in all tables that exist; of result tables only each day's newest attempt counts."""
    results = []
    for name in names or TABLES:
        table = TABLES[name]
        if name in _RUN_RECORDS or not delta.exists(spark, warehouse, table):
            continue
        rows = delta.read(spark, warehouse, table).where(F.col("shop") == shop)
        if table.scope == "release":
            day = F.substring("release_id", 1, 10)
            newest = rows.groupBy(day.alias("day")).agg(F.max("release_id").alias("release_id"))
            rows = rows.join(newest.select("release_id"), "release_id", "left_semi")
        elif name == "results.releases":
            newest = rows.groupBy("as_of").agg(F.max("attempt").alias("attempt"))
            rows = rows.join(newest, ["as_of", "attempt"], "left_semi")
        results.append(checksum(rows, table))
    return results


def compare(left: list[Checksum], right: list[Checksum]) -> tuple[list[str], list[str]]:
    """(tables that differ, tables that are only close). A table with `equality` exact must be exactly equal."""
    by_table, other_by_table = {c.table: c for c in left}, {c.table: c for c in right}
    differ, close = sorted(set(by_table) ^ set(other_by_table)), []
    for name in sorted(set(by_table) & set(other_by_table)):
        checksum, other = by_table[name], other_by_table[name]
        if checksum.exact == other.exact:
            continue
        if TABLES[name].equality == "close" and checksum.close == other.close:
            close.append(name)
        else:
            differ.append(name)
    return differ, close


def _hashable(value: Column, kind: str, rounded: bool) -> Column:
    """A value in a canonical form before hashing: maps have no order, and floats have two zeros."""
    text = F.to_json(F.struct(value.alias("v")), {"ignoreNullFields": "false"}) if _nested(kind) else value
    if kind.startswith("map<"):
        text = F.to_json(F.struct(F.array_sort(F.map_entries(value)).alias("v")))
    if kind in ("float", "double"):
        return F.when(value.isNull(), F.lit("null")).otherwise(
            _digits(value) if rounded else (value + F.lit(0.0)).cast("string")
        )
    if rounded and _nested(kind) and ("float" in kind or "double" in kind):
        # Cuts numbers inside nested values to 4 decimals in their text.
        return F.regexp_replace(text, r"(\d\.\d{4})\d+", "$1")
    return text


def _digits(value: Column) -> Column:
    return F.format_string("%.4e", value)


def _nested(kind: str) -> bool:
    return kind.startswith(("array<", "map<", "struct<"))

"""Whether two warehouses hold the same tables: schema, rows, nulls and an order-free sum of row hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.spark import delta
from libs.tables import TABLES, Table

# What happened, not data: two equal runs differ here.
_HAPPENED = {"quality.job_runs", "quality.audits", "quality.alarms"}


@dataclass(frozen=True)
class Checksum:
    """One table's checksum; `exact` hashes every value, `close` the values with floating numbers to 4 digits."""

    table: str
    rows: int
    exact: str
    close: str


def checksum(frame: DataFrame, table: Table) -> Checksum:
    """The table's checksum, run ids and times aside (`Table.volatile`).

    The row hashes are summed as decimals, so neither the order nor the partitions of the rows matter.
    """
    names = [name for name in table.column_names if name not in table.volatile]
    rows = frame.select(*names)
    hashes = [
        F.sum(F.xxhash64(*[_hashable(F.col(name), kind, rounded) for name, kind in rows.dtypes]).cast("decimal(38,0)"))
        for rounded in (False, True)
    ]
    nulls = [F.sum(F.col(name).isNull().cast("bigint")) for name in names]
    found = rows.agg(F.count("*"), *hashes, *nulls).first()
    assert found is not None
    count, exact, close, *null_counts = found
    schema = str(rows.dtypes)

    def digest(value: object) -> str:
        return hashlib.sha256(f"{schema}|{count}|{null_counts}|{value}".encode()).hexdigest()[:16]

    return Checksum(table.name, int(count), digest(exact), digest(close))


def checksums(spark: SparkSession, warehouse: str, shop: str, names: Iterable[str] = ()) -> list[Checksum]:
    """Checksums of a shop's rows in the tables that exist, newest attempt only where an attempt has rows of its own."""
    found = []
    for name in names or TABLES:
        table = TABLES[name]
        if name in _HAPPENED or not delta.exists(spark, warehouse, table):
            continue
        rows = delta.read(spark, warehouse, table).where(F.col("shop") == shop)
        if table.scope == "release":
            day = F.substring("release_id", 1, 10)
            newest = rows.groupBy(day.alias("day")).agg(F.max("release_id").alias("release_id"))
            rows = rows.join(newest.select("release_id"), "release_id", "left_semi")
        elif name == "results.releases":
            newest = rows.groupBy("as_of").agg(F.max("attempt").alias("attempt"))
            rows = rows.join(newest, ["as_of", "attempt"], "left_semi")
        found.append(checksum(rows, table))
    return found


def compare(left: list[Checksum], right: list[Checksum]) -> tuple[list[str], list[str]]:
    """(tables that differ, tables that are only close); an exact table that is only close differs."""
    ours, theirs = {c.table: c for c in left}, {c.table: c for c in right}
    differ, close = sorted(set(ours) ^ set(theirs)), []
    for name in sorted(set(ours) & set(theirs)):
        if ours[name].exact == theirs[name].exact:
            continue
        if TABLES[name].equality == "close" and ours[name].close == theirs[name].close:
            close.append(name)
        else:
            differ.append(name)
    return differ, close


def _hashable(value: Column, kind: str, rounded: bool) -> Column:
    """Maps have no order and floats have two zeros: both are given one form before hashing."""
    text = F.to_json(F.struct(value.alias("v")), {"ignoreNullFields": "false"}) if _nested(kind) else value
    if kind.startswith("map<"):
        text = F.to_json(F.struct(F.array_sort(F.map_entries(value)).alias("v")))
    if kind in ("float", "double"):
        return F.when(value.isNull(), F.lit("null")).otherwise(
            _digits(value) if rounded else (value + F.lit(0.0)).cast("string")
        )
    if rounded and _nested(kind) and ("float" in kind or "double" in kind):
        # Numbers inside nested values: cut to 4 significant decimals in the text.
        return F.regexp_replace(text, r"(\d\.\d{4})\d+", "$1")
    return text


def _digits(value: Column) -> Column:
    return F.format_string("%.4e", value)


def _nested(kind: str) -> bool:
    return kind.startswith(("array<", "map<", "struct<"))

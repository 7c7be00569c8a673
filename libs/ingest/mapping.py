"""Maps source rows onto the contract with the shop's SQL expressions; each is checked before any row is read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from pyspark.errors import AnalysisException
from pyspark.logger import PySparkLogger
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DecimalType,
    FractionalType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import as_utf8, clean_id, trimmed, without_null_words
from libs.ingest.groups import ADDED, BROKEN, FileGroup, one_line
from libs.ingest.lines import FILE, ROW
from libs.spark.errors import file_uri
from libs.spark.expressions import MissingColumnError, expression
from libs.spark.session import with_settings
from libs.tables import Kind

_INSTANT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def mapped(group: FileGroup, source: SourceConf, kind: Kind, where: str, zone: str) -> DataFrame:
    """ADDED, the contract's columns as text, and `excluded`: the first `exclude` reason that holds.

    A text or timestamp without a zone is the shop's local time; a timestamp becomes text with its offset. An expression
    that raises an error in a row is null there.

    Raises:
        OperatorError: an expression is not valid SQL, asks for more than its row, names a column that the files lack,
            or has a type that does not fit its place.
    """
    raw, file = group.frame, group.files[0]
    with lenient(raw.sparkSession, zone):
        # Expressions are checked against a frame without rows: the plan that reads files is slow to analyse again.
        shape = raw.sparkSession.createDataFrame([], raw.schema)
        columns = {}
        for column, sql in source.columns.items():
            absent = _if_absent(source, kind, column)
            value, type_ = _checked(shape, sql, f"{where}.columns.{column}", file, absent)
            columns[column] = _text(value, type_, where, column, kind, source)
        _check_users_keys(raw, source, kind, where)
        exclusions = {
            reason: _condition(shape, sql, f"{where}.exclude.{reason}", file) for reason, sql in source.exclude.items()
        }
        rows = raw
        if source.where:
            rows = raw.where(F.col(BROKEN).isNotNull() | _condition(shape, source.where, f"{where}.where", file))
        for role in ("attributes", "sensitive"):
            columns |= _map_column(shape, getattr(source, role), f"{where}.{role}", role, file, source)
        if source.directed:
            columns.setdefault("directed", F.lit("true"))
        empty = {c: F.lit(None).cast(_bronze_type(kind, c)) for c in kind.types if c not in columns}
        reasons = [F.when(F.col(BROKEN).isNull() & holds, F.lit(reason)) for reason, holds in exclusions.items()]
        excluded = F.coalesce(*reasons, F.lit(None).cast("string"))
        return rows.select(
            *[F.col(name) for name in ADDED],
            excluded.alias("excluded"),
            *[(columns | empty)[c].alias(c) for c in kind.types],
        )


@contextmanager
def lenient(spark: SparkSession, zone: str) -> Iterator[None]:
    """Inside, expressions give null for values they cannot read and use the shop's time zone.

    Spark fixes both settings in the plan when it analyses it, so they still hold when the plan runs later.
    """
    settings = {"spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": zone}
    # The logger writes a page for each invalid expression. It must be created as a PySparkLogger: PySpark logs with
    # arguments that a plain logger of that name would refuse.
    logger = PySparkLogger.getLogger("SQLQueryContextLogger")
    disabled = logger.disabled
    try:
        logger.disabled = True
        with with_settings(spark, settings):
            yield
    finally:
        logger.disabled = disabled


class _Absent(Enum):
    """What a column that a mapped expression names, and the files lack, is."""

    ERROR = 1  # renamed or forgotten: all users would become guests, and nobody would notice
    WARNING = 2  # a key of JSON, which leaves out what is empty
    EXPECTED = 3  # the mapping says `optional`


def _if_absent(source: SourceConf, kind: Kind, column: str) -> _Absent:
    if column in source.optional:
        return _Absent.EXPECTED
    sparse = source.format == "jsonl" and column not in (*kind.required, *kind.users)
    return _Absent.WARNING if sparse else _Absent.ERROR


def _check_users_keys(raw: DataFrame, source: SourceConf, kind: Kind, where: str) -> None:
    """Raises OperatorError if no record of some JSON file has the key of a user: all its users would be guests."""
    if source.format != "jsonl":
        return  # its columns are checked group by group
    for column in kind.users:
        if column not in source.columns or column in (*source.optional, *kind.required):
            continue
        keys = references(raw, source.columns[column])
        if keys:
            named = F.transform(F.json_object_keys(ROW), F.lower)
            has = F.bool_or(F.coalesce(F.arrays_overlap(named, F.array(*map(F.lit, keys))), F.lit(False)))
            lacking = raw.where(F.col(BROKEN).isNull()).groupBy(FILE).agg(has.alias("has")).where("not has").first()
            if lacking is not None:
                raise OperatorError(
                    f"{where}.columns.{column}: no record of {file_uri(lacking[FILE])} has {' or '.join(keys)}; if a"
                    f" delivery may lack it, add `optional: [{column}]`"
                )


def references(raw: DataFrame, sql: str) -> list[str]:
    """The columns of `raw` that an expression names, in lower case."""
    plan = raw.select(F.expr(sql).alias("__value"))._jdf.queryExecution().analyzed()
    return sorted({name.lower() for name in re.findall(r"(\S+?)#\d+", plan.references().mkString(" "))})


def _checked(
    shape: DataFrame, sql: str, where: str, file: str, absent: _Absent = _Absent.ERROR
) -> tuple[Column, DataType]:
    """An expression and its type."""
    try:
        return expression(shape, sql, ROW)
    except (OperatorError, MissingColumnError, AnalysisException) as error:
        if sql.strip() in shape.columns:
            raise OperatorError(f"{where}: write the column's name in backquotes: `{sql.strip()}`") from None
        if isinstance(error, OperatorError):
            raise OperatorError(f"{where}: {error}") from None
        if isinstance(error, AnalysisException):
            raise OperatorError(f"{where}: not a valid SQL expression: {one_line(error)}") from None
        if absent is not _Absent.ERROR:
            if absent is _Absent.WARNING:
                logging.getLogger("reasonrec").warning("%s: no row has %s; treated as empty", where, error)
            return F.lit(None).cast("string"), StringType()
        available = ", ".join(name for name in shape.columns if name not in ADDED)[:1000] or "none"
        raise OperatorError(
            f"{where}: {file} has no column {error}; it has {available} (`optional` lists what files may lack)"
        ) from None


def _condition(shape: DataFrame, sql: str, where: str, file: str) -> Column:
    condition, type_ = _checked(shape, sql, where, file)
    if not isinstance(type_, BooleanType):
        raise OperatorError(f"{where}: is {type_.simpleString()}, a condition is needed")
    return F.coalesce(condition, F.lit(False))


def _joined(value: Column, type_: DataType, separator: str | None) -> tuple[Column, DataType]:
    """An array of plain values as one text; anything else as it is."""
    if separator is None or not _is_plain_array(type_):
        return value, type_
    return F.array_join(value.cast("array<string>"), separator), StringType()


def _is_plain_array(type_: DataType) -> bool:
    return isinstance(type_, ArrayType) and not isinstance(type_.elementType, ArrayType | MapType | StructType)


def _text(value: Column, type_: DataType, where: str, column: str, kind: Kind, source: SourceConf) -> Column:
    """A contract column as text: ids cleaned; null for a blank or a null word, but in texts, where a word is a word."""
    expected = _bronze_type(kind, column)
    if expected == "string":
        value, type_ = _joined(value, type_, source.join)
    if (expected == "string") == isinstance(type_, ArrayType | MapType | StructType):
        way = "; add `join: ' > '` to the source, or write array_join(x, ' > ')" if _is_plain_array(type_) else ""
        raise OperatorError(f"{where}.columns.{column}: is {type_.simpleString()}, {expected} is needed{way}")
    if expected != "string":
        return value.cast(expected)
    if isinstance(type_, TimestampType):
        return F.date_format(value, _INSTANT)
    text = _plain(value, type_)
    if column in kind.text:
        return as_utf8(text)
    text = F.make_valid_utf8(text)
    text = clean_id(text) if kind.types[column] == "string" else trimmed(text)
    return without_null_words(text, source.null_values)


def _plain(value: Column, type_: DataType) -> Column:
    """A value as text. NaN and infinity are null; a whole number of a float or decimal column is written 123.

    The same column may hold integers in another file, and an id must not depend on that.
    """
    text = value.cast("string")
    if isinstance(type_, DecimalType):
        return F.regexp_replace(text, r"\.0+$", "")
    if isinstance(type_, FractionalType):
        whole = value.cast("bigint")
        # A float beyond the range of bigint would become the greatest bigint.
        whole_text = F.when((value == whole) & (F.abs(value) < 2.0**63), whole.cast("string"))
        return F.when(F.abs(value) < float("inf"), F.coalesce(whole_text, text))
    return text


def _map_column(
    shape: DataFrame, expressions: dict[str, str], where: str, role: str, file: str, source: SourceConf
) -> dict[str, Column]:
    """One map column of the role's expressions without null and blank values; null where all are."""
    if not expressions:
        return {}
    absent = _Absent.WARNING if source.format == "jsonl" else _Absent.ERROR
    values = {
        name: _plain(*_joined(*_checked(shape, sql, f"{where}.{name}", file, absent), source.join))
        for name, sql in expressions.items()
    }
    pairs = [part for name, value in values.items() for part in (F.lit(name), F.make_valid_utf8(value))]
    entries = F.map_filter(F.create_map(*pairs), lambda _, value: trimmed(value) != "")
    return {role: F.when(F.size(entries) > 0, entries)}


def _bronze_type(kind: Kind, column: str) -> str:
    return kind.types[column] if kind.types[column].startswith("map") else "string"

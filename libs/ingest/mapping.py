"""Maps source rows onto the contract with the shop's SQL expressions; each is checked before any row is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import AnalysisException
from pyspark.logger import PySparkLogger
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, DataType, MapType, StringType, StructType, TimestampType

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import as_utf8
from libs.ingest.sources import BROKEN, DELIVERED, ROW, one_line
from libs.spark.expressions import MissingColumnError, expression
from libs.spark.session import with_settings
from libs.tables import Kind

_ADDED = (ROW, BROKEN, DELIVERED)
_INSTANT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def mapped(raw: DataFrame, source: SourceConf, kind: Kind, where: str, zone: str) -> DataFrame:
    """ROW, BROKEN, DELIVERED, the contract's columns as text, and `excluded`: the first `exclude` reason that holds.

    A text or timestamp without a zone is the shop's local time; a timestamp becomes text with its offset. An expression
    that raises an error in a row is null there.

    Raises:
        OperatorError: an expression is not valid SQL, asks for more than its row, names a column that the source lacks,
            or has a type that does not fit its place.
    """
    with lenient(raw.sparkSession, zone):
        # Expressions are checked against a frame without rows: the plan that reads files is slow to analyse again.
        shape = raw.sparkSession.createDataFrame([], raw.schema)
        columns = {}
        for column, sql in source.columns.items():
            absent = _may_be_absent(source) and column not in kind.required
            value, type_ = _checked(shape, sql, f"{where}.columns.{column}", absent)
            columns[column] = _text(value, type_, where, column, kind, source.join)
        exclusions = {
            reason: _condition(shape, sql, f"{where}.exclude.{reason}") for reason, sql in source.exclude.items()
        }
        rows = raw
        if source.where:
            rows = raw.where(F.col(BROKEN).isNotNull() | _condition(shape, source.where, f"{where}.where"))
        for role in ("attributes", "sensitive"):
            expressions = getattr(source, role)
            columns |= _map_column(shape, expressions, f"{where}.{role}", role, _may_be_absent(source), source.join)
        if source.directed:
            columns.setdefault("directed", F.lit("true"))
        empty = {c: F.lit(None).cast(_bronze_type(kind, c)) for c in kind.types if c not in columns}
        reasons = [F.when(F.col(BROKEN).isNull() & holds, F.lit(reason)) for reason, holds in exclusions.items()]
        excluded = F.coalesce(*reasons, F.lit(None).cast("string"))
        return rows.select(
            *[F.col(name) for name in _ADDED],
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


def _may_be_absent(source: SourceConf) -> bool:
    """Whether a missing column is allowed: a key that no JSON line of a day has is not a mapping error."""
    return source.daily and source.format == "jsonl"


def _checked(shape: DataFrame, sql: str, where: str, may_be_absent: bool = False) -> tuple[Column, DataType]:
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
        if may_be_absent:
            logging.getLogger("reasonrec").warning("%s: no row has %s; treated as empty", where, error)
            return F.lit(None).cast("string"), StringType()
        available = ", ".join(name for name in shape.columns if name not in _ADDED)[:1000] or "none"
        raise OperatorError(f"{where}: the source has no column {error}; it has {available}") from None


def _condition(shape: DataFrame, sql: str, where: str) -> Column:
    condition, type_ = _checked(shape, sql, where)
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


def _text(value: Column, type_: DataType, where: str, column: str, kind: Kind, join: str | None) -> Column:
    expected = _bronze_type(kind, column)
    if expected == "string":
        value, type_ = _joined(value, type_, join)
    if (expected == "string") == isinstance(type_, ArrayType | MapType | StructType):
        way = "; add `join: ' > '` to the source, or write array_join(x, ' > ')" if _is_plain_array(type_) else ""
        raise OperatorError(f"{where}.columns.{column}: is {type_.simpleString()}, {expected} is needed{way}")
    if expected != "string":
        return value.cast(expected)
    if isinstance(type_, TimestampType):
        return F.date_format(value, _INSTANT)
    text = value.cast("string")
    return as_utf8(text) if column in kind.text else F.make_valid_utf8(text)


def _map_column(
    shape: DataFrame, expressions: dict[str, str], where: str, role: str, absent: bool, join: str | None
) -> dict[str, Column]:
    """One map column of the role's expressions without null values; null where all are null."""
    if not expressions:
        return {}
    values = {
        name: _joined(*_checked(shape, sql, f"{where}.{name}", absent), join)[0] for name, sql in expressions.items()
    }
    pairs = [part for name, value in values.items() for part in (F.lit(name), F.make_valid_utf8(value.cast("string")))]
    entries = F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull())
    return {role: F.when(F.size(entries) > 0, entries)}


def _bronze_type(kind: Kind, column: str) -> str:
    return kind.types[column] if kind.types[column].startswith("map") else "string"

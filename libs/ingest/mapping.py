"""Source rows mapped onto the contract by the shop's SQL expressions, each checked before a row is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import AnalysisException, ParseException
from pyspark.logger import PySparkLogger
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, DataType, MapType, StringType, StructType, TimestampType

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import as_utf8
from libs.ingest.sources import BROKEN, DELIVERED, ROW, one_line
from libs.spark.session import with_settings
from libs.tables import Kind

_OWN = (ROW, BROKEN, DELIVERED)
_INSTANT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def mapped(raw: DataFrame, source: SourceConf, kind: Kind, where: str, zone: str) -> DataFrame:
    """The contract's columns as text beside ROW, BROKEN and DELIVERED, and `excluded`: the first reason that holds.

    A text or a timestamp without a zone is the shop's local time; a timestamp becomes a text with its offset.

    Raises:
        OperatorError: an expression is not SQL, names a column the source does not have, or gives what has no place.
    """
    with lenient(raw.sparkSession, zone):
        columns = {}
        for column, sql in source.columns.items():
            absent = _may_be_absent(source) and column not in kind.required
            columns[column] = _text(*_checked(raw, sql, f"{where}.columns.{column}", absent), where, column, kind)
        holds = {why: _condition(raw, sql, f"{where}.exclude.{why}") for why, sql in source.exclude.items()}
        kept = raw
        if source.where:
            kept = raw.where(F.col(BROKEN).isNotNull() | _condition(raw, source.where, f"{where}.where"))
        for role in ("attributes", "sensitive"):
            columns |= _gathered(raw, getattr(source, role), f"{where}.{role}", role, _may_be_absent(source))
        if source.directed:
            columns.setdefault("directed", F.lit("true"))
        empty = {c: F.lit(None).cast(_bronze_type(kind, c)) for c in kind.types if c not in columns}
        reasons = [F.when(F.col(BROKEN).isNull() & holds_for_row, F.lit(why)) for why, holds_for_row in holds.items()]
        excluded = F.coalesce(*reasons, F.lit(None).cast("string"))
        return kept.select(
            *[F.col(name) for name in _OWN],
            excluded.alias("excluded"),
            *[(columns | empty)[c].alias(c) for c in kind.types],
        )


@contextmanager
def lenient(spark: SparkSession, zone: str) -> Iterator[None]:
    """Expressions analysed inside give null for a value they cannot read, and tell times in the shop's zone.

    Spark fixes both in the plan when it analyses it, so they hold when the plan runs later.
    """
    settings = {"spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": zone}
    # By PySpark's own way: it logs with arguments that a plain logger of that name would refuse.
    queries = PySparkLogger.getLogger("SQLQueryContextLogger")  # writes a page for each expression that is not valid
    logged = queries.disabled
    try:
        queries.disabled = True
        with with_settings(spark, settings):
            yield
    finally:
        queries.disabled = logged


def _may_be_absent(source: SourceConf) -> bool:
    """A key that no JSON line of a day has is no mistake in the mapping."""
    return source.daily and source.format == "jsonl"


def _checked(raw: DataFrame, sql: str, where: str, may_be_absent: bool = False) -> tuple[Column, DataType]:
    """An expression and its type."""
    try:
        return F.expr(sql), raw.select("*", F.expr(sql).alias("__value")).schema["__value"].dataType
    except ParseException as error:
        raise OperatorError(f"{where}: not a valid SQL expression: {one_line(error)}") from None
    except AnalysisException as error:
        if not (error.getCondition() or "").startswith("UNRESOLVED_COLUMN"):
            raise OperatorError(f"{where}: not a valid SQL expression: {one_line(error)}") from None
        unknown = (error.getMessageParameters() or {}).get("objectName", "").replace("`", "")
        if may_be_absent:
            logging.getLogger("reasonrec").warning("%s: no row has %s; taken as empty", where, unknown)
            return F.lit(None).cast("string"), StringType()
        has = ", ".join(name for name in raw.columns if name not in _OWN)[:1000] or "none"
        raise OperatorError(f"{where}: the source has no column {unknown}; it has {has}") from None


def _condition(raw: DataFrame, sql: str, where: str) -> Column:
    condition, found = _checked(raw, sql, where)
    if not isinstance(found, BooleanType):
        raise OperatorError(f"{where}: is {found.simpleString()}, a condition is needed")
    return F.coalesce(condition, F.lit(False))


def _text(value: Column, found: DataType, where: str, column: str, kind: Kind) -> Column:
    wanted = _bronze_type(kind, column)
    if (wanted == "string") == isinstance(found, ArrayType | MapType | StructType):
        raise OperatorError(f"{where}.columns.{column}: is {found.simpleString()}, {wanted} is needed")
    if wanted != "string":
        return value.cast(wanted)
    if isinstance(found, TimestampType):
        return F.date_format(value, _INSTANT)
    text = value.cast("string")
    return as_utf8(text) if column in kind.text else F.make_valid_utf8(text)


def _gathered(raw: DataFrame, given: dict[str, str], where: str, role: str, absent: bool) -> dict[str, Column]:
    """A map of the role's expressions, those without a value left out; null where none has one."""
    if not given:
        return {}
    values = {name: _checked(raw, sql, f"{where}.{name}", absent)[0] for name, sql in given.items()}
    pairs = [part for name, value in values.items() for part in (F.lit(name), F.make_valid_utf8(value.cast("string")))]
    filled = F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull())
    return {role: F.when(F.size(filled) > 0, filled)}


def _bronze_type(kind: Kind, column: str) -> str:
    return kind.types[column] if kind.types[column].startswith("map") else "string"

"""Row checks: each is a column that says whether a row fails, with a reason. A row's failure is its first one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.ingest.cleaning import trimmed
from libs.ingest.times import FIRST_YEAR, LAST_YEAR, instant, local_day, timeless
from libs.tables import Kind

_TYPE_WORDS = {"int": "a whole number", "double": "a number", "timestamp": "a time", "boolean": "true or false"}
_MAX_CHARS, _MAX_URL_CHARS = 256, 2048
_CONTROL = r"[\x00-\x1f\x7f]"
# The kind whose event_time may lie after its day: a price may be announced, a user's action may not.
_ANNOUNCED = "prices"


@dataclass(frozen=True)
class Check:
    """A row fails if `fails` is true; null passes."""

    reason: str
    field: str | None
    fails: Column


def first_failure(checks: list[Check]) -> Column:
    """struct<reason:string, field:string> of the first check that a row fails; null if it passes all."""
    struct = "struct<reason:string,field:string>"
    failures = [
        F.when(c.fails, F.struct(F.lit(c.reason).alias("reason"), F.lit(c.field).alias("field")).cast(struct))
        for c in checks
    ]
    return F.coalesce(*failures, F.lit(None).cast(struct))


def split(rows: DataFrame, failure: str = "failure") -> tuple[DataFrame, DataFrame]:
    """(good rows without the failure column, bad rows with it)."""
    return rows.where(F.col(failure).isNull()).drop(failure), rows.where(F.col(failure).isNotNull())


def typed(text: Column, kind: str, zone: str) -> Column:
    """A delivered text as the contract's type; null if it is not a value of that type. A map is returned unchanged.

    Whole numbers may have a zero fraction (3.0), as tools that know only floats write them. NaN and infinity do not
    count as numbers.
    """
    if kind.startswith("map"):
        return text
    text = F.nullif(trimmed(text), F.lit(""))
    if kind == "string":
        return text
    if kind == "timestamp":
        return instant(text, zone)
    if kind == "int":
        number = text.try_cast("decimal(38,6)")
        whole = number.try_cast("int")
        return F.when(number == whole, whole)
    if kind == "double":
        number = text.try_cast("double")
        return F.when(F.abs(number) < F.lit(float("inf")), number)
    return text.try_cast(kind)


def contract_checks(name: str, kind: Kind, raw: str, zone: str) -> list[Check]:
    """The checks that every row of a kind must pass.

    Args:
        name: the kind's name.
        raw: struct column with the delivered texts; the rows also have the typed columns and `day`.
    """
    return [*_value_checks(kind, raw), *_time_checks(name, kind, zone), *_rule_checks(kind)]


def _value_checks(kind: Kind, raw: str) -> list[Check]:
    checks = []
    for column, type_ in kind.types.items():
        if type_.startswith("map"):
            continue
        value, delivered = F.col(column), trimmed(F.col(raw)[column])
        if column in kind.required:
            checks.append(Check(f"{column} is missing", column, F.coalesce(delivered, F.lit("")) == ""))
        if type_ != "string":
            type_words = _TYPE_WORDS.get(type_, "a number")
            checks.append(Check(f"{column} is not {type_words}", column, value.isNull() & (delivered != "")))
        elif column not in kind.text:
            limit = _MAX_URL_CHARS if column.endswith("_url") else _MAX_CHARS
            checks.append(Check(f"{column} holds control characters", column, value.rlike(_CONTROL)))
            checks.append(Check(f"{column} is longer than {limit} characters", column, F.length(value) > limit))
    return checks


def _time_checks(name: str, kind: Kind, zone: str) -> list[Check]:
    checks = []
    for column in ("event_time", "known_at"):
        if kind.types.get(column) != "timestamp":
            continue
        time, day = F.col(column), F.col("day")
        later = (day != timeless()) & (local_day(time, zone) > day)
        ahead = F.lit(False) if (name, column) == (_ANNOUNCED, "event_time") else later
        checks.append(Check(f"{column} before {FIRST_YEAR}", column, F.year(time) < FIRST_YEAR))
        checks.append(Check(f"{column} lies in the future", column, (F.year(time) > LAST_YEAR) | ahead))
    return checks


def _rule_checks(kind: Kind) -> list[Check]:
    checks = []
    for reason, condition in kind.checks.items():
        field = re.split(r"\W", reason, maxsplit=1)[0]
        checks.append(Check(reason, field if field in kind.types else None, ~F.expr(condition)))
    return checks

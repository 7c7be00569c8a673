"""Row checks: each a pure column that says whether a row fails, with the reason. The first failure is the row's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.ingest.times import FIRST_YEAR, LAST_YEAR, instant, local_day, timeless
from libs.tables import Kind

_SPOKEN = {"int": "a whole number", "double": "a number", "timestamp": "a time", "boolean": "true or false"}
_MOST_CHARS, _MOST_URL_CHARS = 256, 2048
_CONTROL = r"[\x00-\x1f\x7f]"
# A price may be announced before its day; what a user did may not.
_ANNOUNCED = "prices"


@dataclass(frozen=True)
class Check:
    """A row fails where `fails` is true; null passes."""

    reason: str
    field: str | None
    fails: Column


def first_failure(checks: list[Check]) -> Column:
    """struct<reason:string, field:string> of the first check a row fails, or null."""
    struct = "struct<reason:string,field:string>"
    found = [
        F.when(c.fails, F.struct(F.lit(c.reason).alias("reason"), F.lit(c.field).alias("field")).cast(struct))
        for c in checks
    ]
    return F.coalesce(*found, F.lit(None).cast(struct))


def split(rows: DataFrame, failure: str = "failure") -> tuple[DataFrame, DataFrame]:
    """Good rows without the failure's column, and bad rows with it."""
    return rows.where(F.col(failure).isNull()).drop(failure), rows.where(F.col(failure).isNotNull())


def typed(text: Column, kind: str, zone: str) -> Column:
    """A delivered text as the contract's type; null where it does not tell such a value. A map stays as it is.

    Whole numbers may be written with a zero fraction (3.0), as tools that know only floats do. NaN and infinity are no
    numbers here.
    """
    if kind.startswith("map"):
        return text
    trimmed = F.nullif(F.trim(text), F.lit(""))
    if kind == "string":
        return trimmed
    if kind == "timestamp":
        return instant(trimmed, zone)
    if kind == "int":
        number = trimmed.try_cast("decimal(38,6)")
        whole = number.try_cast("int")
        return F.when(number == whole, whole)
    if kind == "double":
        number = trimmed.try_cast("double")
        return F.when(F.abs(number) < F.lit(float("inf")), number)
    return trimmed.try_cast(kind)


def contract_checks(name: str, kind: Kind, raw: str, zone: str) -> list[Check]:
    """What every row of a kind must meet.

    Args:
        name: the kind's name.
        raw: column that holds the delivered texts as a struct; the typed columns stand beside it, with `day`.
    """
    return [*_reading(kind, raw), *_times(name, kind, zone), *_rules(kind)]


def _reading(kind: Kind, raw: str) -> list[Check]:
    checks = []
    for column, type_ in kind.types.items():
        value, delivered = F.col(column), F.trim(F.col(raw)[column]) if not type_.startswith("map") else None
        if delivered is None:
            continue
        if column in kind.required:
            checks.append(Check(f"{column} is missing", column, F.coalesce(delivered, F.lit("")) == ""))
        if type_ != "string":
            spoken = _SPOKEN.get(type_, "a number")
            checks.append(Check(f"{column} is not {spoken}", column, value.isNull() & (delivered != "")))
        elif column not in kind.text:
            most = _MOST_URL_CHARS if column.endswith("_url") else _MOST_CHARS
            checks.append(Check(f"{column} holds control characters", column, value.rlike(_CONTROL)))
            checks.append(Check(f"{column} is longer than {most} characters", column, F.length(value) > most))
    return checks


def _times(name: str, kind: Kind, zone: str) -> list[Check]:
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


def _rules(kind: Kind) -> list[Check]:
    checks = []
    for reason, condition in kind.checks.items():
        field = re.split(r"\W", reason, maxsplit=1)[0]
        checks.append(Check(reason, field if field in kind.types else None, ~F.expr(condition)))
    return checks

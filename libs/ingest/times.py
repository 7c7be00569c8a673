"""Instants and business days from what shops deliver as times."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from libs.spark.delta import TIMELESS

# Spark also casts "12:30" to today and "2011" to a year: a time here begins with a whole date.
_DATED = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?$"
_WITHOUT_ZONE = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}(?::\d{1,2}){0,2}(?:\.\d*)?)?$"

# A time outside these years is a slip of the pen, not a time.
FIRST_YEAR, LAST_YEAR = 1990, 2099


def instant(text: Column, zone: str) -> Column:
    """The instant a text tells, or null: ISO 8601, in the shop's zone where it names none (the session's is UTC)."""
    read = text.try_cast("timestamp")
    # The commonest form first: of most rows one pattern is tried.
    return F.when(text.rlike(_WITHOUT_ZONE), F.to_utc_timestamp(read, zone)).when(text.rlike(_DATED), read)


def plausible(time: Column) -> Column:
    """Whether a time lies in the years a shop's data can have."""
    return F.year(time).between(FIRST_YEAR, LAST_YEAR)


def local_day(time: Column, zone: str) -> Column:
    """The business day an instant falls on."""
    return F.to_date(F.from_utc_timestamp(time, zone))


def day_start(day: Column, zone: str) -> Column:
    """The instant at which a business day begins."""
    return F.to_utc_timestamp(day.cast("timestamp"), zone)


def period(day: Column, partition: str) -> Column:
    """The partition of a day: its month or its year, as `conf/shops` says."""
    return F.date_format(day, {"month": "yyyy-MM", "year": "yyyy"}[partition])


def timeless() -> Column:
    return F.lit(TIMELESS)

"""Instants and business days from the times that shops deliver."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from libs.spark.delta import TIMELESS

# A time must begin with a full date: Spark would also cast "12:30" to today and "2011" to a year.
_DATED = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?$"
_WITHOUT_ZONE = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}(?::\d{1,2}){0,2}(?:\.\d*)?)?$"

# A time outside these years is a typing error.
FIRST_YEAR, LAST_YEAR = 1990, 2099


def instant(text: Column, zone: str) -> Column:
    """The instant of an ISO 8601 text, else null. Text without a zone is in the shop's zone (the session's is UTC)."""
    time = text.try_cast("timestamp")
    # The most common form comes first, so most rows need one pattern only.
    return F.when(text.rlike(_WITHOUT_ZONE), F.to_utc_timestamp(time, zone)).when(text.rlike(_DATED), time)


def plausible(time: Column) -> Column:
    """Whether a time lies in the years that a shop's data can have."""
    return F.year(time).between(FIRST_YEAR, LAST_YEAR)


def local_day(time: Column, zone: str) -> Column:
    """The business day an instant falls on."""
    return F.to_date(F.from_utc_timestamp(time, zone))


def day_start(day: Column, zone: str) -> Column:
    """The instant at which a business day begins."""
    return F.to_utc_timestamp(day.cast("timestamp"), zone)


def period(day: Column, partition: str) -> Column:
    """The partition of a day: its month or its year, as `partition` in conf/shops says."""
    return F.date_format(day, {"month": "yyyy-MM", "year": "yyyy"}[partition])


def timeless() -> Column:
    """The day of rows that have no day."""
    return F.lit(TIMELESS)

"""Rows as of several cut-offs at once: each row once a cut-off that may know it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def as_of(rows: DataFrame, cutoffs: Iterable[date]) -> DataFrame:
    """Adds `cutoff`: a row appears once for every cut-off before which it both happened and was known.

    `rows` has `day` (when it became known) and `event_day` (when it happened), as all silver tables do. All folds of a
    back-test then cost one pass: group by `cutoff` beside the usual keys.
    """
    known = F.filter(
        F.array(*[F.lit(day) for day in sorted(set(cutoffs))]),
        lambda cutoff: (F.col("day") < cutoff) & (F.col("event_day") < cutoff),
    )
    return rows.withColumn("cutoff", F.explode(known))


def with_age(rows: DataFrame) -> DataFrame:
    """Adds `age_days`: whole days from the event to the cut-off, 1 for the day before."""
    return rows.withColumn("age_days", F.date_diff("cutoff", "event_day"))


# Decayed weights are whole millionths, so that their sums do not depend on the order of partitions.
FIXED_POINT = 1_000_000


def decay(age_days: str, half_life_days: float) -> Column:
    """Weight of an event: 2^(-age / half-life) in whole millionths (BIGINT), 1,000,000 at age 0."""
    return F.round(F.lit(FIXED_POINT) * F.pow(F.lit(0.5), F.col(age_days) / F.lit(float(half_life_days)))).cast(
        "bigint"
    )

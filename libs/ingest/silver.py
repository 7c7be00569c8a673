"""Bronze rows judged: typed, checked, told apart into silver, quarantined, duplicate and excluded."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.ingest.cleaning import cleaned
from libs.ingest.row_rules import contract_checks, first_failure, typed
from libs.ingest.times import day_start, local_day, timeless
from libs.privacy.keys import key_id
from libs.privacy.pseudonyms import pseudonym_of
from libs.tables import Kind

# What becomes of a row; quality.ingest_counts has a column of each name.
SILVER, QUARANTINED, DUPLICATES, EXCLUDED = FATES = ("silver", "quarantined", "duplicates", "excluded")


def judged(bronze: DataFrame, name: str, kind: Kind, unreadable: Column, zone: str, redelivery_days: int) -> DataFrame:
    """Typed rows with `fate`, `failure` and, of quarantined ones, `payload`.

    Args:
        bronze: bronze.<name>; more days than the window's where an event may be delivered again later.
        unreadable: reason of a row that stands in `broken`.
        redelivery_days: as of `with_fate`.
    """
    own = list(kind.types)
    rows = bronze.select(
        *("shop", "period", "day", "source", "row_id", "excluded", "broken"),
        F.struct(*own).alias("raw"),
        *[typed(F.col(c), kind.types[c], zone).alias(c) for c in own],
    )
    broken = F.when(
        F.col("broken").isNotNull(), F.struct(unreadable.alias("reason"), F.lit(None).cast("string").alias("field"))
    )
    failure = F.coalesce(broken, first_failure(contract_checks(name, kind, "raw", zone)))
    rows = rows.withColumn("failure", F.when(F.col("excluded").isNull(), failure))
    payload = F.coalesce("broken", F.to_json("raw"))
    rows = rows.withColumn("payload", F.when(F.col("failure").isNotNull(), payload)).drop("raw", "broken")
    return with_fate(with_known_at(rows, kind, zone), kind.keys, redelivery_days)


def with_known_at(rows: DataFrame, kind: Kind, zone: str) -> DataFrame:
    """Fills `known_at` where the shop does not tell it, and adds `event_day`.

    An event became known when it happened, or as the day of its delivery began if that was a later day; a state as the
    day of its delivery began, and one of no day is timeless (null).
    """
    day = F.col("day")
    delivered = F.when(day != timeless(), day_start(day, zone))
    if "event_time" not in kind.types:
        return rows.withColumns({"event_day": day, "known_at": F.coalesce("known_at", delivered)})
    event_day = local_day(F.col("event_time"), zone)
    at_once = F.when(event_day == day, F.col("event_time"))
    return rows.withColumns({"event_day": event_day, "known_at": F.coalesce("known_at", at_once, delivered)})


def with_fate(rows: DataFrame, keys: tuple[str, ...], redelivery_days: int) -> DataFrame:
    """Of good rows with equal keys the one first known is kept, by row id where several were known at once.

    What comes more than `redelivery_days` after the last of its key is a row of its own: however many days are looked
    at together, each has the fate that it has alone. Rows of no day are looked at with every day.
    """
    fault = F.when(F.col("excluded").isNotNull(), EXCLUDED).when(F.col("failure").isNotNull(), QUARANTINED)
    # Rows that are not good take no part, and must not meet in one group: many of them have no key at all.
    apart = F.when(fault.isNotNull(), F.col("row_id"))
    order = Window.partitionBy(*keys, apart).orderBy("day", "known_at", "row_id")
    last, first = F.lag("day").over(order), F.first("day").over(order)
    again = last.isNotNull() & ((F.date_diff("day", last) <= redelivery_days) | (first == timeless()))
    return rows.withColumn("fate", F.coalesce(fault, F.when(again, DUPLICATES), F.lit(SILVER))).drop("excluded")


def kept(rows: DataFrame, kind: Kind, key: str) -> DataFrame:
    """The silver table's rows: texts cleaned, user ids pseudonymised."""
    fresh = {c: cleaned(F.col(c)) for c in kind.text}
    # A text that must be there may be empty once its mark-up is gone.
    fresh |= {c: F.coalesce(fresh[c], F.lit("")) for c in kind.text if c in kind.required}
    fresh |= {c: pseudonym_of(F.col(c), key) for c in kind.users}
    rows = rows.where(F.col("fate") == SILVER).withColumns(fresh)
    rows = rows.withColumn("key_id", F.lit(key_id(key) if kind.users else None).cast("string"))
    return rows.select("shop", "period", "day", "event_day", "row_id", "key_id", *kind.types)


def counted(rows: DataFrame) -> DataFrame:
    """Rows a day and source by fate: rows_in is their sum."""
    each = [F.count_if(F.col("fate") == fate).alias(fate) for fate in FATES]
    return rows.groupBy("shop", "period", "day", "source", "kind").agg(F.count("*").alias("rows_in"), *each)

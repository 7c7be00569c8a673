"""Types and checks bronze rows and gives each its fate: silver, quarantined, duplicate or excluded."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.ingest.cleaning import cleaned
from libs.ingest.row_rules import contract_checks, first_failure, typed
from libs.ingest.times import day_start, local_day, timeless
from libs.privacy.keys import key_id
from libs.privacy.pseudonyms import pseudonym_of
from libs.tables import Kind

# The possible fates of a row; quality.ingest_counts has a column for each.
SILVER, QUARANTINED, DUPLICATES, EXCLUDED = FATES = ("silver", "quarantined", "duplicates", "excluded")


def classify(
    bronze: DataFrame, name: str, kind: Kind, unreadable: Column, zone: str, redelivery_days: int
) -> DataFrame:
    """Typed rows with `fate`, `failure` and, for quarantined rows, `payload`.

    Args:
        bronze: bronze.<name>; also days before the window if an event may be delivered again later.
        unreadable: the reason for a row that could not be read (it is in `broken`).
        redelivery_days: see `with_fate`.
    """
    columns = list(kind.types)
    rows = bronze.select(
        *("shop", "period", "day", "source", "row_id", "excluded", "broken"),
        F.struct(*columns).alias("raw"),
        *[typed(F.col(c), kind.types[c], zone).alias(c) for c in columns],
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
    """Fills `known_at` where the shop gives none, and adds `event_day`.

    An event is known when it happens, or at the start of its delivery day if that is a later day. A state is known at
    the start of its delivery day; a state without a day has null (timeless).
    """
    day = F.col("day")
    delivered = F.when(day != timeless(), day_start(day, zone))
    if "event_time" not in kind.types:
        return rows.withColumns({"event_day": day, "known_at": F.coalesce("known_at", delivered)})
    event_day = local_day(F.col("event_time"), zone)
    at_once = F.when(event_day == day, F.col("event_time"))
    return rows.withColumns({"event_day": event_day, "known_at": F.coalesce("known_at", at_once, delivered)})


def with_fate(rows: DataFrame, keys: tuple[str, ...], redelivery_days: int) -> DataFrame:
    """Adds `fate`. Of good rows with equal keys the one known first is silver (ties: the smallest row id).

    A row that comes more than `redelivery_days` after the previous one of its key is not a duplicate. A day's rows
    therefore get the same fate whichever window they are processed in. Timeless rows are processed with every window.
    """
    bad_fate = F.when(F.col("excluded").isNotNull(), EXCLUDED).when(F.col("failure").isNotNull(), QUARANTINED)
    # Each bad row is a group of its own: many have no key and would otherwise form one huge group.
    bad_row_id = F.when(bad_fate.isNotNull(), F.col("row_id"))
    order = Window.partitionBy(*keys, bad_row_id).orderBy("day", "known_at", "row_id")
    previous, first = F.lag("day").over(order), F.first("day").over(order)
    again = previous.isNotNull() & ((F.date_diff("day", previous) <= redelivery_days) | (first == timeless()))
    return rows.withColumn("fate", F.coalesce(bad_fate, F.when(again, DUPLICATES), F.lit(SILVER))).drop("excluded")


def silver_rows(rows: DataFrame, kind: Kind, key: str) -> DataFrame:
    """The rows of silver.<kind>: texts cleaned, user ids pseudonymised."""
    columns = {c: cleaned(F.col(c)) for c in kind.text}
    # A required text may be empty once its mark-up is removed.
    columns |= {c: F.coalesce(columns[c], F.lit("")) for c in kind.text if c in kind.required}
    columns |= {c: pseudonym_of(F.col(c), key) for c in kind.users}
    rows = rows.where(F.col("fate") == SILVER).withColumns(columns)
    rows = rows.withColumn("key_id", F.lit(key_id(key) if kind.users else None).cast("string"))
    return rows.select("shop", "period", "day", "event_day", "row_id", "key_id", *kind.types)


def count_fates(rows: DataFrame) -> DataFrame:
    """Rows per day and source by fate; `rows_in` is their sum."""
    counts = [F.count_if(F.col("fate") == fate).alias(fate) for fate in FATES]
    return rows.groupBy("shop", "period", "day", "source", "kind").agg(F.count("*").alias("rows_in"), *counts)

"""A user's events in order: what was given back is taken off, equal timestamps are one step."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.frames.as_of import as_of

_USER = ("cutoff", "user_id")


def events_of_users(events: DataFrame, cutoffs: Iterable[date]) -> DataFrame:
    """Rows of silver.events as of the cut-offs, guests left out, laid out by user.

    The layout comes before the cut-offs multiply the rows, and all that is later grouped or ordered by user and cut-off
    needs no second shuffle.
    """
    return as_of(events.where(F.col("user_id").isNotNull()).repartition("user_id"), cutoffs)


def taking_kinds(action: str) -> list[str]:
    """Kinds of event by which a user takes a product: purchase, review, and the shop's own action (such as a play)."""
    return sorted({"purchase", "review", action})


def with_returns(events: DataFrame) -> DataFrame:
    """One row per cut-off, user, product, instant and kind, with its returned pieces counted and taken off.

    `events` are rows of `events_of_users`. A return counts against the purchase that it was paired with
    (`purchase_time`), once the return itself is known; one without a pair takes nothing off.

    Returns:
        cutoff, user_id, product_id, event_time, event_day, kind, rating; pieces and returned (bigint; null where the
        kind has no pieces); quantity (int) and amount (decimal(18,4)), what is left of the pieces at their mean price.
    """
    returned = F.col("kind") == "return"
    paired = (
        events.where(~returned | F.col("purchase_time").isNotNull())
        .withColumn("event_time", F.when(returned, F.col("purchase_time")).otherwise(F.col("event_time")))
        .withColumn("returned", F.when(returned, F.col("quantity")))
        .withColumn("taken", F.when(~returned, F.struct("event_day", "quantity", "amount", "rating")))
        .withColumn("kind", F.when(returned, F.lit("purchase")).otherwise(F.col("kind")))
    )
    merged = paired.groupBy(*_USER, "product_id", "event_time", "kind").agg(
        F.min("taken.event_day").alias("event_day"),
        F.sum("taken.quantity").alias("pieces"),
        F.sum("taken.amount").alias("amount"),
        F.max("taken.rating").alias("rating"),
        F.sum("returned").alias("returned"),
    )
    back = F.least(F.coalesce("returned", F.lit(0)), "pieces")  # never more than was bought
    left = F.col("pieces") - back
    return merged.where(F.col("event_day").isNotNull()).withColumns(
        {
            "returned": F.when(F.col("pieces").isNotNull(), back),
            "quantity": left.cast("int"),
            "amount": F.when(F.col("returned").isNull(), F.col("amount"))
            .otherwise(F.col("amount") * left / F.col("pieces"))
            .cast("decimal(18,4)"),
        }
    )


def is_kept() -> Column:
    """Whether a row of `with_returns` was not wholly given back."""
    return F.col("quantity").isNull() | (F.col("quantity") > 0)


def without_returns(events: DataFrame) -> DataFrame:
    """The rows of `with_returns` that were not wholly given back."""
    return with_returns(events).where(is_kept()).drop("pieces", "returned")


def histories(kept: DataFrame, taking: Collection[str], most_events: int) -> DataFrame:
    """One row per cut-off and user: the last `most_events` rows of `without_returns`, oldest first, and what is owned.

    Rows with one `event_time` are one step; steps count from 1 at the oldest event kept. Inside a step products stand
    in the order of a hash, so that no order of delivery shows.

    Args:
        kept: rows of `without_returns`.
        taking: kinds of event by which a user comes to own a product.
        most_events: bounds the row, so that a bot cannot blow up what reads it.

    Returns:
        cutoff, user_id, events (array of struct, see features.user_history), owned (array<string>, sorted).
    """
    user = Window.partitionBy(*_USER)
    hashed = F.xxhash64("product_id")
    newest_first = user.orderBy(F.desc("event_time"), hashed.desc(), F.desc("product_id"), F.desc("kind"))
    fields = ("event_day", "product_id", "kind", "quantity", "amount", "rating")
    event = F.struct((-F.col("place")).alias("nth"), "step", *fields)
    before = F.element_at("events", 1)["step"] - 1
    return (
        kept.withColumn("place", F.row_number().over(newest_first))
        .withColumn("step", F.dense_rank().over(user.orderBy("event_time")))
        .groupBy(*_USER)
        .agg(
            F.sort_array(F.collect_list(F.when(F.col("place") <= most_events, event))).alias("events"),
            F.sort_array(F.collect_set(F.when(F.col("kind").isin(*taking), F.col("product_id")))).alias("owned"),
        )
        .withColumn(
            "events",
            F.transform(
                "events", lambda e: F.struct((e.step - before).alias("step"), *[e[f].alias(f) for f in fields])
            ),
        )
    )

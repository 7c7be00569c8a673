"""A user's events in order: what was given back is taken off, equal timestamps are one step."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_USER = ("cutoff", "user_id")


def without_returns(events: DataFrame) -> DataFrame:
    """One row per cut-off, user, product, instant and kind, its returned pieces taken off; guests are left out.

    `events` are rows of silver.events with `cutoff` (`libs.frames.as_of`). A return counts against the purchase that it
    was paired with (`purchase_time`), once the return itself is known; one without a pair takes nothing off. A purchase
    wholly given back is no row. `amount` falls with the pieces: what is left of them, at their mean price.

    Returns:
        cutoff, user_id, product_id, event_time, event_day, kind, quantity (int), amount (decimal(18,4)), rating.
    """
    returned = F.col("kind") == "return"
    paired = (
        events.where(F.col("user_id").isNotNull() & (~returned | F.col("purchase_time").isNotNull()))
        # By user alone, so that everything later about a user needs no second shuffle.
        .repartition(*_USER)
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
        F.coalesce(F.sum("returned"), F.lit(0)).alias("returned"),
    )
    left = F.col("pieces") - F.col("returned")
    return merged.where(F.col("event_day").isNotNull() & (F.col("pieces").isNull() | (left > 0))).select(
        *_USER,
        "product_id",
        "event_time",
        "event_day",
        "kind",
        left.cast("int").alias("quantity"),
        F.when(F.col("returned") == 0, F.col("amount"))
        .otherwise(F.col("amount") * left / F.col("pieces"))
        .cast("decimal(18,4)")
        .alias("amount"),
        "rating",
    )


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
    first = F.element_at("events", 1)["step"]
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
                "events", lambda e: F.struct((e.step - first + 1).alias("step"), *[e[f].alias(f) for f in fields])
            ),
        )
    )

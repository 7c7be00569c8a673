"""Puts the products of each basket together, day by day.

One row of features.basket_days is one basket (a user's step, where the shop has no baskets) as it became known on one
day. Pairs in baskets are counted from these rows: a twentieth of the events in a shop of twenty lines a basket.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext


def run(ctx: JobContext) -> None:
    ctx.write("features.basket_days", baskets(ctx.read_window("silver.events"), ctx.shop.acquiring_kinds))


def baskets(events: DataFrame, acquiring: Collection[str]) -> DataFrame:
    """One row a basket, day of knowing and day of happening; an event of neither basket nor user is in none."""
    name = F.coalesce("basket_id", F.concat_ws("@", "user_id", F.col("event_time").cast("string")))
    known = events.where(F.col("kind").isin(*acquiring) & F.coalesce("basket_id", "user_id").isNotNull())
    return known.groupBy("shop", "period", "day", "event_day", F.xxhash64(name).alias("basket"), "user_id").agg(
        F.sort_array(F.collect_set("product_id")).alias("products")
    )

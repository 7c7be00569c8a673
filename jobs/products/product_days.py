"""Adds up what happened to each product, day by day.

One row of features.product_days is what became known on one day of one product's events of one day. A delivery costs by
its own rows: profiles and sources add these sums up and never read the events again.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext


def run(ctx: JobContext) -> None:
    ctx.write("features.product_days", sums(ctx.read_window("silver.events"), ctx.shop.acquiring_kinds))


def sums(events: DataFrame, acquiring: Collection[str]) -> DataFrame:
    """One row a product, day of knowing and day of happening."""
    acquires = F.col("kind").isin(*acquiring)
    rated = (F.col("kind") == "review") & F.col("rating").isNotNull()
    sold = (F.col("kind") == "purchase") & (F.col("quantity") > 0) & (F.col("amount") > 0)
    each = (F.col("amount") / F.col("quantity")).cast("decimal(18,4)")
    # A guest counts once a basket.
    basket = F.concat(F.lit("guest:"), F.coalesce("basket_id", "row_id"))
    who = F.coalesce(F.concat(F.lit("user:"), "user_id"), basket)
    return events.groupBy("shop", "period", "day", "event_day", "product_id").agg(
        F.count_if(F.col("kind") != "return").alias("events"),
        F.size(F.collect_set(F.when(acquires, who))).cast("bigint").alias("buyers"),
        F.count_if(rated).alias("ratings"),
        F.sum(F.when(rated, F.col("rating").cast("decimal(8,3)"))).cast("decimal(18,3)").alias("stars"),
        F.mode(F.when(sold, each), True).alias("price"),
    )

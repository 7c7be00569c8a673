"""Recency, frequency, money, rhythm and rating habits.

One row of features.user_rfm is one user as of one cut-off. What was wholly given back counts in `return_rate` alone, so
a user who gave everything back has no row. Money, days, events and products are of all time and of what the user
acquired by the shop's own kind of action: a review in a shop that sells is none of them, though its day counts in
recency and tenure. Rhythm and usual price are of purchases; the price, the returns and the ratings of the lines that
the user's ledger keeps whole.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.features.history import sum_of_known, taken_lines
from libs.job import JobContext, constants

_MICRO = 1_000_000


def with_product(taken: DataFrame, products: DataFrame) -> DataFrame:
    """Adds to rows of `taken_lines` the price of a piece (of the sale, else the product's) and `product_rating`."""
    own = products.select("cutoff", "product_id", "price", F.col("rating_mean").alias("product_rating"))
    paid = F.when(F.col("quantity") > 0, F.col("amount") / F.col("quantity"))
    # The catalogue goes to the lines: to shuffle all lines by product, and back by user, would cost more than the rest.
    return taken.join(F.broadcast(own), ["cutoff", "product_id"], "left").withColumn("price", F.coalesce(paid, "price"))


def habits(taken: DataFrame, ledger: DataFrame, acquiring: Collection[str]) -> DataFrame:
    """One row per cut-off and user; sums are of integers and decimals, divided once at the end.

    Args:
        taken: rows of `with_product`.
        ledger: features.user_ledger, for what was taken before its lines.
        acquiring: kinds of event by which a user acquires a product.
    """
    kept, kind = F.col("kept"), F.col("kind")
    acquired, bought = kept & kind.isin(*acquiring), kept & (kind == "purchase")
    rating, ratings = F.col("rating").cast("decimal(8,3)"), F.count(F.when(kept, F.col("rating")))
    product_rating = F.round(F.col("product_rating") * _MICRO).cast("bigint")
    median_price = F.percentile(F.when(bought, (F.col("price") * 10_000).cast("bigint")), 0.5)
    grouped = taken.groupBy("cutoff", "user_id").agg(
        F.collect_set(F.when(kept, F.col("event_day"))).alias("active"),
        F.collect_set(F.when(acquired, F.col("event_day"))).alias("days"),
        F.collect_set(F.when(bought, F.col("event_day"))).alias("bought"),
        F.coalesce(F.sum(F.when(acquired, F.col("lines"))), F.lit(0)).alias("lines"),
        F.collect_set(F.when(acquired, F.col("product_id"))).alias("taken"),
        F.sum(F.when(acquired, F.col("amount"))).alias("spent"),
        (median_price / 10_000).cast("decimal(18,4)").alias("usual_price"),
        (F.sum("returned") / F.sum("pieces")).alias("return_rate"),
        ratings.alias("ratings"),
        (F.sum(F.when(kept, rating)).cast("double") / ratings).alias("rating_mean"),
        F.sum(F.when(kept & F.col("rating").isNotNull(), product_rating)).alias("expected"),
    )
    older = F.col("earlier_totals")
    older_bought = older["days"] if "purchase" in acquiring else F.array().cast("array<date>")
    return (
        grouped.join(ledger.select("cutoff", "user_id", "earlier_totals"), ["cutoff", "user_id"])
        .withColumn("active", F.array_sort(F.array_union("active", older["days"])))
        .where(F.size("active") > 0)
        .withColumn("bought", F.array_sort(F.array_union("bought", older_bought)))
        .withColumn("recency_days", F.date_diff("cutoff", F.element_at("active", -1)))
        .withColumn("tenure_days", F.date_diff("cutoff", F.element_at("active", 1)))
        .withColumn("frequency", F.size(F.array_union("days", older["days"])).cast("bigint"))
        .withColumn("rhythm_days", median_gap("bought"))
        .withColumn("events", F.col("lines") + older["lines"])
        .withColumn("products", F.size(F.array_union("taken", older["products"])).cast("bigint"))
        .withColumn("money", sum_of_known(F.col("spent"), older["money"]))
        .withColumn("rating_deviation", F.col("rating_mean") - F.col("expected") / F.col("ratings") / _MICRO)
        .drop("active", "days", "bought", "expected", "lines", "taken", "spent", "earlier_totals")
    )


def median_gap(days: str) -> Column:
    """Median of the days between neighbours of a sorted array of dates; null for fewer than two dates."""
    later, earlier = F.slice(days, 2, F.size(days)), F.slice(days, 1, F.greatest(F.size(days) - 1, F.lit(0)))
    gaps = F.sort_array(F.zip_with(later, earlier, lambda b, a: F.date_diff(b, a)))
    n = F.size(gaps)
    middle = F.get(gaps, F.floor((n - 1) / 2).cast("int")) + F.get(gaps, F.floor(n / 2).cast("int"))
    return F.when(F.size(days) > 1, middle / 2)


def run(ctx: JobContext) -> None:
    ledger = ctx.read_cutoffs("features.user_ledger")
    taken = with_product(taken_lines(ledger, ctx.shop.acting_kinds), ctx.read_cutoffs("features.product_profile"))
    found = habits(taken, ledger, ctx.shop.acquiring_kinds)
    for kind, lost in (("transactions", "money, rhythm, usual price and return_rate"), ("reviews", "rating habits")):
        if kind not in ctx.shop.kinds():
            ctx.log.info("no source of %s: no %s", kind, lost)
    ctx.write("features.user_rfm", found.withColumns(constants(ctx)))

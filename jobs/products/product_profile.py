"""Puts together what is known of each product.

One row of features.product_profile is one product as of one cut-off: its words and vector, its price, who acted on it,
its ratings, and what its reviews praise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.as_of import as_of
from libs.features.aspects import aspects_of_products
from libs.features.states import catalogue_tells, lowest_before, price_history
from libs.job import JobContext, constants
from libs.tables import table
from libs.text.encoder import encoder_id

_KEY = ["cutoff", "product_id"]
LOWEST_DAYS = 30  # `lowest_price_30d`: a drop is told against it, as Directive (EU) 2019/2161 asks


@dataclass(frozen=True)
class Params:
    """Windows and weights.

    recent_days: `buyers_recent` counts those of this many days before the cut-off.
    prior_ratings: weight of the shop's mean rating, as a number of ratings, in `rating_shrunk`.
    quoted_reviews: most ids of praising reviews that are kept for an aspect.
    """

    recent_days: int = 28
    prior_ratings: int = 10
    quoted_reviews: int = 5


def counted(
    days: DataFrame, history: DataFrame, cutoffs: Iterable[date], acquiring: Collection[str], recent_days: int
) -> DataFrame:
    """Buyers, ratings and days of each product as of each cut-off.

    A buyer is a user who owns it: guests' baskets are no people that a sentence may speak of.

    Args:
        days: features.product_days.
        history: features.user_history at the cut-offs.

    Returns:
        cutoff, product_id, buyers, buyers_recent, ratings (bigint), stars (their sum, decimal), first_day, last_day.
    """
    since = F.date_sub("cutoff", recent_days)
    happened = F.when(F.col("events") > 0, F.col("event_day"))
    sums = (
        as_of(days, cutoffs)
        .groupBy(*_KEY)
        .agg(
            F.sum("ratings").alias("ratings"),
            F.sum("stars").alias("stars"),
            F.min(happened).alias("first_day"),
            F.max(happened).alias("last_day"),
        )
    )
    lately = F.filter("events", lambda e: e["kind"].isin(*acquiring) & (e["event_day"] >= since) & (e["sign"] >= 0))
    lately = F.transform(lately, lambda e: e["product_id"])
    owned = history.withColumn("lately", lately).select("cutoff", F.explode("owned").alias("product_id"), "lately")
    owners = owned.groupBy(*_KEY).agg(
        F.count("*").alias("buyers"), F.count_if(F.array_contains("lately", F.col("product_id"))).alias("buyers_recent")
    )
    return sums.join(owners, _KEY, "full")


def with_counts(products: DataFrame, counts: DataFrame, prior_ratings: int) -> DataFrame:
    """Adds the counts, and ratings drawn towards the shop's mean m: (m * prior + sum of stars) / (prior + ratings)."""
    shop = Window.partitionBy("cutoff")
    mean = F.sum("stars").over(shop).cast("double") / F.sum("ratings").over(shop)
    stars, ratings = F.coalesce(F.col("stars").cast("double"), F.lit(0.0)), F.col("ratings")
    none = ("buyers", "buyers_recent", "ratings")
    return (
        products.join(counts, _KEY, "left")
        .withColumns({name: F.coalesce(name, F.lit(0).cast("bigint")) for name in none})
        .withColumn("rating_mean", F.when(ratings > 0, stars / ratings))
        # No rating in the whole shop: its sum of stars is null, and so is the result.
        .withColumn("rating_shrunk", (mean * prior_ratings + stars) / (prior_ratings + ratings))
        .drop("stars")
    )


def with_price_band(products: DataFrame) -> DataFrame:
    """Adds `price_band`: the third in which a price stands among the prices of its top category.

    Of n prices, one with b below it and e equal to it (itself included) stands at (b + e / 2) / n; below 1/3 is low,
    above 2/3 is high. Equal prices share a band, and a price on its own is in the middle.
    """
    price = F.col("price")
    group = Window.partitionBy("cutoff", F.get("categories", F.lit(0)), price.isNull())
    below = F.rank().over(group.orderBy("price")) - 1
    up_to = F.count("price").over(group.orderBy("price"))  # the default frame takes equal prices in
    n, twice = F.count("price").over(group), below + up_to  # twice = 2b + e
    band = F.when(twice * 3 < n * 2, "low").when(twice * 3 > n * 4, "high").otherwise("middle")
    return products.withColumn("price_band", F.when(price.isNotNull(), band))


def with_vector(products: DataFrame, vectors: DataFrame, model_id: str) -> DataFrame:
    own = vectors.where(F.col("model_id") == model_id).select("text_hash", "vector")
    return products.join(own, "text_hash", "left")


def run(ctx: JobContext) -> None:
    params, cutoffs, days = ctx.params(Params), ctx.run.cutoffs, ctx.read("features.product_days")
    if "reviews" not in ctx.shop.kinds():
        ctx.log.info("no source of reviews: no ratings and no aspects")
    told = price_history(ctx.read("silver.products"), days, catalogue_tells(ctx.shop, "price"))
    before = lowest_before(told, cutoffs, LOWEST_DAYS).withColumnRenamed("lowest", "lowest_price_30d")
    history = ctx.read_cutoffs("features.user_history")
    counts = counted(days, history, cutoffs, ctx.shop.acquiring_kinds, params.recent_days)
    found = with_counts(with_price_band(ctx.read_cutoffs("features.product_text")), counts, params.prior_ratings)
    found = with_vector(found.join(before, _KEY, "left"), ctx.read("features.text_vectors"), encoder_id())
    read = ctx.read("features.review_aspects")
    found = found.join(aspects_of_products(read, cutoffs, ctx.shop.likes_from, params.quoted_reviews), _KEY, "left")
    found = found.withColumn("aspects", F.coalesce("aspects", F.array())).withColumns(
        constants(ctx, recent_days=params.recent_days)
    )
    ctx.write("features.product_profile", found.select(*table("features.product_profile").column_names))

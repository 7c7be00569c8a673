"""What brands, categories and price bands a user takes and does not dislike, decayed by age.

One row of features.user_taste is one user's liking, as of one cut-off, for one brand, category or price band: the share
of the user's decayed weight that went there. Categories of every level are tastes, written as their path; a product
counts in each level of its path, so shares of categories do not add up to 1. A level that nearly the whole shop belongs
to ("CDs & Vinyl" in a shop of records) says nothing about a user and is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.as_of import decay
from libs.features.history import liked_lines, taken_lines
from libs.job import JobContext, constants

_PRODUCT = ["cutoff", "product_id"]


@dataclass(frozen=True)
class Params:
    """What counts as a taste.

    half_life_days: an event weighs half after this many days.
    kept: tastes kept of a user in each dimension, by falling share; of equal ones the deeper category, then by name.
    widest: a category that holds more than this share of the shop's products is no taste.
    """

    half_life_days: float = 180.0
    kept: int = 5
    widest: float = 0.8


def values_of(products: DataFrame, widest: float) -> DataFrame:
    """Cut-off, product, dimension and each value the product has there.

    One row more for each dimension in which a product has any value, the value null, stands for the dimension's whole.
    """
    plain = F.array(
        *[F.struct(F.lit(name).alias("dimension"), F.col(name).alias("value")) for name in ("brand", "price_band")]
    )
    known = products.select(*_PRODUCT, F.inline(plain)).where(F.col("value").isNotNull())
    categorised = products.where(F.size("categories") > 0)
    paths = categorised.select(*_PRODUCT, F.lit("category").alias("dimension"), F.explode("categories").alias("value"))
    size = categorised.groupBy("cutoff").agg(F.count("*").alias("size"))
    wide = (
        paths.groupBy("cutoff", "value")
        .agg(F.count("*").alias("n"))
        .join(size, "cutoff", "inner")
        .where(F.col("n") > F.col("size") * widest)
    )
    known = known.unionByName(paths)
    whole = known.select(*_PRODUCT, "dimension").distinct()
    return known.join(wide, ["cutoff", "value"], "left_anti").unionByName(whole, allowMissingColumns=True)


def weights(liked: DataFrame, half_life_days: float) -> DataFrame:
    """Decayed weight (whole millionths) of each product a user took: cutoff, user_id, product_id, weight.

    Age counts from the user's own last event: a share is the same from whatever day ages count, and so the weights of a
    user who has been away for years do not all shrink to nothing.
    """
    last = F.max("event_day").over(Window.partitionBy("cutoff", "user_id"))
    aged = liked.withColumn("age_days", F.date_diff(last, "event_day"))
    aged = aged.withColumn("weight", decay("age_days", half_life_days))
    return aged.groupBy("cutoff", "user_id", "product_id").agg(F.sum("weight").alias("weight"))


def tastes(weights: DataFrame, values: DataFrame, kept: int) -> DataFrame:
    """The greatest shares of each user in each dimension."""
    of_product = values.groupBy(*_PRODUCT).agg(F.collect_list(F.struct("dimension", "value")).alias("values"))
    sums = (
        # The catalogue goes to the lines, which lie by user already: to shuffle them by product, and a row for each of
        # its values back by user, would cost more than the rest.
        weights.join(F.broadcast(of_product), _PRODUCT, "inner")
        .select("cutoff", "user_id", "weight", F.inline("values"))
        .groupBy("cutoff", "user_id", "dimension", "value")
        .agg(F.sum("weight").alias("weight"), F.count("*").alias("count"))
    )
    user = Window.partitionBy("cutoff", "user_id", "dimension")
    depth = F.size(F.split("value", " > "))
    order = user.orderBy(F.col("value").isNull(), F.desc("weight"), depth.desc(), "value")
    whole = F.max(F.when(F.col("value").isNull(), F.struct("weight", "count"))).over(user)
    return (
        sums.withColumns({"whole": whole, "place": F.row_number().over(order)})
        .where(F.col("value").isNotNull() & (F.col("place") <= kept) & (F.col("weight") > 0))
        .withColumns({"share": F.col("weight") / F.col("whole.weight"), "total": F.col("whole.count")})
        .drop("weight", "whole", "place")
    )


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    ledger = liked_lines(ctx.read_cutoffs("features.user_ledger"), ctx.shop)
    liked = taken_lines(ledger, ctx.shop.acquiring_kinds)
    values = values_of(ctx.read_cutoffs("features.product_profile"), params.widest)
    found = tastes(weights(liked, params.half_life_days), values, params.kept)
    ctx.write("features.user_taste", found.withColumns(constants(ctx)))

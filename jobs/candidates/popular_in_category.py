"""What most users took lately in the categories a user likes.

One row of candidates.popular_in_category is a product for a user as of one cut-off. Its score is the chance to draw it
by drawing one of the user's tastes by share, then a product of that category by its decayed count: a sum over the
categories it stands in, in whole 10^-12 so that no order of rows shows. A shop without categories has no such lists.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.as_of import FIXED_POINT
from libs.job import JobContext
from libs.retrieval.candidates import popularity, ranked, users_to_serve


@dataclass(frozen=True)
class Params:
    """half_life_days: an event counts half after this many days. size: candidates of a user, and of a category."""

    half_life_days: float = 28.0
    size: int = 100


def run(ctx: JobContext) -> None:
    params, cutoffs = ctx.params(Params), (ctx.as_of, *ctx.run.folds)
    days, history = ctx.read("features.product_days"), ctx.read("features.user_history")
    counts = popularity(days, history, cutoffs, params.half_life_days, ctx.shop.acquiring_kinds)
    best = best_of_category(counts, ctx.read_cutoffs("features.product_profile", cutoffs), params.size)
    tastes = ctx.read_cutoffs("features.user_taste", cutoffs).where(F.col("dimension") == "category")
    lists = ranked(drawn(tastes.join(users_to_serve(ctx), ["cutoff", "user_id"], "left_semi"), best), params.size)
    ctx.write("candidates.popular_in_category", lists.withColumn("shop", F.lit(ctx.shop.name)))


def best_of_category(counts: DataFrame, products: DataFrame, size: int) -> DataFrame:
    """The most taken products of each category: cutoff, value, product_id, chance in it (whole millionths)."""
    shelves = products.select("cutoff", "product_id", F.explode("categories").alias("value"))
    shelf = Window.partitionBy("cutoff", "value")
    chance = F.round(F.col("points") * FIXED_POINT / F.sum("points").over(shelf)).cast("bigint")
    return (
        counts.join(shelves, ["cutoff", "product_id"], "inner")
        .withColumns({"chance": chance, "place": F.row_number().over(shelf.orderBy(F.desc("points"), "product_id"))})
        .where(F.col("place") <= size)
        .select("cutoff", "value", "product_id", "chance")
    )


def drawn(tastes: DataFrame, best: DataFrame) -> DataFrame:
    """cutoff, user_id, product_id, score: the chance of each product under the user's tastes."""
    liking = F.round(F.col("share") * FIXED_POINT).cast("bigint")
    return (
        tastes.join(F.broadcast(best), ["cutoff", "value"], "inner")
        .groupBy("cutoff", "user_id", "product_id")
        .agg((F.sum(liking * F.col("chance")) / FIXED_POINT**2).alias("score"))
    )

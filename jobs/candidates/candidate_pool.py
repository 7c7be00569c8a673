"""Joins the sources' lists, keeping source and rank.

One row of candidates.candidate_pool is a product that at least one source names for a user as of one cut-off, and that
the user neither dislikes nor gave back. Owned products stay, marked: which of them may be shown is the scoring's to
say, and both targets are measured on one pool.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.features.history import familiar_products
from libs.job import JobContext
from libs.tables import SOURCES

_USER = ["user_id", "cutoff"]  # in this order a sort is cheaper: Spark compares the first key's first bytes first
_KEY = [*_USER, "product_id"]
_SAID = ["source", "rank", "normalized_score", "attributions"]
# Stand for a source in rows that say what a user knows and dislikes.
_OWNED, _DISLIKED = "owned", "disliked"


def run(ctx: JobContext) -> None:
    cutoffs = (ctx.as_of, *ctx.run.folds)
    lists = {source: ctx.read_cutoffs(f"candidates.{source}", cutoffs) for source in SOURCES}
    pool = pooled(lists, ctx.read_cutoffs("features.user_history", cutoffs))
    ctx.write("candidates.candidate_pool", pool.withColumn("shop", F.lit(ctx.shop.name)))


def pooled(lists: dict[str, DataFrame], history: DataFrame) -> DataFrame:
    """cutoff, user_id, product_id; sources: what each list says of the product, sorted by source; owned: familiar."""
    rows = [rows.withColumn("source", F.lit(source)) for source, rows in lists.items()]
    rows += [
        history.select(*_USER, F.explode(products).alias("product_id"), F.lit(mark).alias("source"))
        for mark, products in ((_OWNED, familiar_products()), (_DISLIKED, F.col("disliked")))
    ]
    told = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), rows).select(*_KEY, *_SAID)
    # A source names a product once. One value of each source costs Spark two thirds of a list of all to be sorted.
    said = {s: F.first(F.when(F.col("source") == s, F.struct(*_SAID)), ignorenulls=True).alias(s) for s in lists}
    is_owned = F.max(F.col("source") == _OWNED).alias("owned")
    is_disliked = F.max(F.col("source") == _DISLIKED).alias("disliked")
    by_product = told.repartition(*_USER).groupBy(*_KEY).agg(*said.values(), is_owned, is_disliked)
    named = by_product.where(F.coalesce(*said).isNotNull() & ~F.col("disliked"))
    return named.select(*_KEY, F.array_compact(F.array(*sorted(said))).alias("sources"), "owned")

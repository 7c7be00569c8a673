"""Joins the sources' lists, keeping source and rank.

One row of candidates.candidate_pool is a product that at least one source names for a user as of one cut-off. Owned
products stay, marked: which of them may be shown is the scoring's to say, and both targets are measured on one pool.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext
from libs.tables import SOURCES

_USER = ["user_id", "cutoff"]  # in this order a sort is cheaper: Spark compares the first key's first bytes first
_KEY = [*_USER, "product_id"]
_SAID = ["source", "rank", "normalized_score", "attributions"]
_OWNED = "owned"  # stands for a source in rows that say that a user owns a product


def run(ctx: JobContext) -> None:
    cutoffs = (ctx.as_of, *ctx.run.folds)
    lists = {source: ctx.read_cutoffs(f"candidates.{source}", cutoffs) for source in SOURCES}
    pool = pooled(lists, ctx.read_cutoffs("features.user_history", cutoffs))
    ctx.write("candidates.candidate_pool", pool.withColumn("shop", F.lit(ctx.shop.name)))


def pooled(lists: dict[str, DataFrame], history: DataFrame) -> DataFrame:
    """cutoff, user_id, product_id; sources: what each list says of the product, sorted by source; owned."""
    rows = [rows.withColumn("source", F.lit(source)) for source, rows in lists.items()]
    owned = history.select(*_USER, F.explode("owned").alias("product_id"), F.lit(_OWNED).alias("source"))
    told = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), [*rows, owned]).select(*_KEY, *_SAID)
    # A source names a product once. One value of each source costs Spark two thirds of a list of all to be sorted.
    said = {s: F.first(F.when(F.col("source") == s, F.struct(*_SAID)), ignorenulls=True).alias(s) for s in lists}
    is_owned = F.max(F.col("source") == _OWNED).alias("owned")
    by_product = told.repartition(*_USER).groupBy(*_KEY).agg(*said.values(), is_owned)
    named = by_product.where(F.coalesce(*said).isNotNull())
    return named.select(*_KEY, F.array_compact(F.array(*sorted(said))).alias("sources"), "owned")

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

_USER = ["cutoff", "user_id"]


def run(ctx: JobContext) -> None:
    cutoffs = (ctx.as_of, *ctx.run.folds)
    lists = {source: ctx.read_cutoffs(f"candidates.{source}", cutoffs) for source in SOURCES}
    pool = marked(pooled(lists), ctx.read_cutoffs("features.user_history", cutoffs))
    ctx.write("candidates.candidate_pool", pool.withColumn("shop", F.lit(ctx.shop.name)))


def pooled(lists: dict[str, DataFrame]) -> DataFrame:
    """cutoff, user_id, product_id, sources: what each list says of the product, sorted by source."""
    said = F.struct("source", "rank", "relative", "carriers")
    rows = reduce(DataFrame.unionByName, [rows.withColumn("source", F.lit(source)) for source, rows in lists.items()])
    return (
        # By user, so that the owned products below meet them without a second shuffle.
        rows.repartition(*_USER).groupBy(*_USER, "product_id").agg(F.array_sort(F.collect_list(said)).alias("sources"))
    )


def marked(pool: DataFrame, history: DataFrame) -> DataFrame:
    """Adds `owned`: the user has taken the product before."""
    owned = history.select(*_USER, "owned").withColumnRenamed("owned", "all_owned")
    return pool.join(owned, _USER, "left").select(
        *pool.columns,
        F.coalesce(F.array_contains("all_owned", F.col("product_id")), F.lit(False)).alias("owned"),
    )

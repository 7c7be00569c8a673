"""What most users took lately.

One row of candidates.popular is a product for a user as of one cut-off; the list is the same for all. A product scores
one for each user and day it was taken on, halved every `half_life_days`; guests count basket by basket.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from libs.features.as_of import FIXED_POINT
from libs.job import JobContext
from libs.retrieval.candidates import popularity, ranked, users_to_serve


@dataclass(frozen=True)
class Params:
    """half_life_days: an event counts half after this many days. size: products of the list."""

    half_life_days: float = 28.0
    size: int = 100


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    days, history = ctx.read("features.product_days"), ctx.read("features.user_history")
    cutoffs = (ctx.as_of, *ctx.run.folds)
    counts = popularity(days, history, cutoffs, params.half_life_days, ctx.shop.acquiring_kinds)
    everyone = counts.withColumns({"score": F.col("points") / FIXED_POINT, "user_id": F.lit("")}).drop("points")
    lists = ranked(everyone, params.size).drop("user_id")
    found = users_to_serve(ctx).select("cutoff", "user_id").join(F.broadcast(lists), "cutoff", "inner")
    ctx.write("candidates.popular", found.withColumn("shop", F.lit(ctx.shop.name)))

"""Products that follow what a user has, by directed steps.

One row of candidates.transitions is a product for a user as of one cut-off. Its score is the sum over the user's
history of step_decay^(steps from the end) times the pair's weight (products.item_pairs), so that each history item's
share of it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from libs.frames.candidates import SCHEMA, users_to_serve
from libs.frames.history import taking_kinds
from libs.frames.pairs import LinearLister, matrices
from libs.job import JobContext


@dataclass(frozen=True)
class Params:
    """step_decay: what a history item counts for each step further back. size: candidates of a user."""

    step_decay: float = 0.6
    size: int = 100


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    pairs = ctx.read_cutoffs("features.item_pairs", (ctx.as_of, *ctx.run.folds)).where(F.col("kind") == "transition")
    # The size of the catalogue, not of the users.
    found = matrices(pairs.select("cutoff", "anchor", "product_id", "weight").toArrow())
    lister = LinearLister(
        ctx.spark.sparkContext.broadcast(found), taking_kinds(ctx.shop.action), params.step_decay, params.size
    )
    lists = users_to_serve(ctx).select("cutoff", "user_id", "events").mapInArrow(lister, SCHEMA)
    ctx.write("candidates.transitions", lists.withColumn("shop", F.lit(ctx.shop.name)))

"""Products that follow what a user has, by directed steps.

One row of candidates.transitions is a product for a user as of one cut-off. Its score is the sum over the user's
history of step_decay^(steps from the end) times the pair's weight (products.item_pairs), so that each history item's
share of it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from libs.job import JobContext
from libs.retrieval.pairs import linear_lists


@dataclass(frozen=True)
class Params:
    """step_decay: what a history item counts for each step further back. size: candidates of a user."""

    step_decay: float = 0.6
    size: int = 100


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    lists = linear_lists(ctx, "transition", params.step_decay, params.size)
    ctx.write("candidates.transitions", lists.withColumn("shop", F.lit(ctx.shop.name)))

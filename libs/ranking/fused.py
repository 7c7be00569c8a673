"""The formula of libs.ranking.fusion for Spark columns: scores and the contributions of sources and history items."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.ranking.fusion import FusionWeights


def part(weights: FusionWeights, source: Column, kept: Column) -> Column:
    """The score's part from a source (an entry of `sources`) if the fraction `kept` of its normalized score remains."""
    parts = [
        F.when(source["source"] == name, weight * F.pow(source["normalized_score"] * kept, F.lit(power)))
        for name, weight, power in zip(weights.sources, weights.weights, weights.powers, strict=True)
    ]
    return F.coalesce(*parts, F.lit(0.0))


def fall(weights: FusionWeights, source: Column, attribution: Column) -> Column:
    """How far the score falls without one history item of a source."""
    # A share is above 1 if other items have negative shares; a source's part is never below 0.
    kept = F.greatest(F.lit(0.0), 1.0 - attribution["attribution_share"])
    return part(weights, source, F.lit(1.0)) - part(weights, source, kept)


def with_score(pool: DataFrame, weights: FusionWeights) -> DataFrame:
    """Adds score, and contributions by source."""
    parts = F.transform(
        "sources", lambda s: F.struct(s["source"].alias("source"), part(weights, s, F.lit(1.0)).alias("part"))
    )
    return (
        pool.withColumn("parts", F.filter(parts, lambda p: p["part"] > 0))
        .withColumn("score", F.aggregate("parts", F.lit(0.0), lambda total, p: total + p["part"]))
        .withColumn("contributions", F.map_from_entries(F.col("parts")))
    )


def with_attributions(
    best: DataFrame, weights: FusionWeights, most: int, is_other: Callable[[Column], Column]
) -> DataFrame:
    """Adds attributions: the history items without which the score falls farthest, and how far.

    These are the `most` greatest that `is_other` (of a product id) takes for other products, then the product itself
    and its variants: a user's own repetition of a product must not push out what else it rests on.
    Call it after the lists are cut: they hold about one in a hundred of the candidates.
    """
    falls = F.flatten(
        F.transform(
            "sources",
            lambda s: F.transform(
                s["attributions"],
                lambda c: F.struct(
                    fall(weights, s, c).alias("contribution"),
                    s["source"].alias("source"),
                    c["product_id"].alias("product_id"),
                ),
            ),
        )
    )
    greatest_first = F.reverse(F.array_sort(F.filter(falls, lambda f: f["contribution"] > 0)))
    others = F.filter(greatest_first, lambda f: is_other(f["product_id"]))
    itself = F.filter(greatest_first, lambda f: ~is_other(f["product_id"]))
    kept = F.concat(F.slice(others, 1, most), itself)
    return best.withColumn(
        "attributions", F.transform(kept, lambda f: F.struct(f["source"], f["product_id"], f["contribution"]))
    )

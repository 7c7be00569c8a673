"""One row: a product recommended to a user tonight, its place, and what its score rests on.

fused = sum over sources of w * normalized_score^p, with the weights the back-test fitted (libs.ranking.fusion). The
same sum without a source, or with the share of its score that a history item carries taken away, says what each moved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.conf import ShopConf
from libs.job import JobContext, constants
from libs.ranking.fused import fall, with_attributions, with_score
from libs.ranking.fusion import FusionWeights
from libs.registry.models import models_in_use
from libs.tables import FUSION, HOME, table


@dataclass(frozen=True)
class Params:
    """What a list holds.

    list_size: products in a user's list.
    attributions: history items kept a row, by what they moved.
    """

    list_size: int = 10
    attributions: int = 6


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    models = models_in_use(ctx, FUSION)
    pool = ctx.read_cutoffs("candidates.candidate_pool", (ctx.as_of,))
    allowed = filter_rules(pool, sold_out(ctx.read("silver.stock"), ctx), ctx)
    target = "all" if ctx.shop.repurchasable else "first"
    weights = FusionWeights.of(json.loads(models[FUSION]["fitted"])[target])
    profile = ctx.read_cutoffs("features.product_profile", (ctx.as_of,))
    scored = filter_explainable(with_score(allowed, weights), weights, profile, ctx.shop)
    best = with_attributions(top(one_of_title(scored, profile), params.list_size), weights, params.attributions)
    versions = ", ".join(sorted(row["version"] for row in models.values()))
    ctx.write("results.recommendations", as_rows(best, ctx, versions))


def sold_out(stock: DataFrame, ctx: JobContext) -> DataFrame:
    """product_id of products whose last known stock is nothing; a shop without a stock source has none."""
    newest = Window.partitionBy("product_id").orderBy(F.desc("known_at"), F.desc("day"), "row_id")
    known = stock.where(F.col("day") < F.lit(ctx.as_of)).withColumn("place", F.row_number().over(newest))
    return known.where((F.col("place") == 1) & (F.col("quantity") <= 0)).select("product_id")


def filter_rules(pool: DataFrame, out: DataFrame, ctx: JobContext) -> DataFrame:
    """Leaves out products that are blocked, sold out, or owned where the shop sells nobody the same twice."""
    allowed = pool if ctx.shop.repurchasable else pool.where(~F.col("owned"))
    allowed = allowed.where(~F.col("product_id").isin(list(ctx.shop.blocklist)))
    return allowed.join(F.broadcast(out), "product_id", "left_anti")


def filter_explainable(scored: DataFrame, weights: FusionWeights, profile: DataFrame, shop: ShopConf) -> DataFrame:
    """Leaves out rows of which no fact may be cited: no history item moved the score, and too few know the product.

    Of any other row explanation.evidence has at least one fact: the history item, or what others did of late, or how
    they rated it. Without this a product that hardly anybody took, listed for its category, would stop the night.
    """
    people = shop.privacy.min_people
    liked = (F.col("ratings") >= people) & (F.col("rating_mean") >= shop.likes_from)
    known = profile.where((F.col("buyers_recent") >= people) | liked).select("product_id", F.lit(True).alias("known"))
    carried = F.exists("sources", lambda s: F.exists(s["attributions"], lambda c: fall(weights, s, c) > 0))
    return scored.join(F.broadcast(known), "product_id", "left").where(F.col("known") | carried).drop("known")


def one_of_title(scored: DataFrame, profile: DataFrame) -> DataFrame:
    """Of products with one title (variants) the best of each user; equal scores by product_id."""
    best = Window.partitionBy("user_id", "title_key").orderBy(F.desc("score"), "product_id")
    titles = F.broadcast(profile.select("product_id", "title_key"))
    named = scored.join(titles, "product_id", "left").withColumn("title_key", F.coalesce("title_key", "product_id"))
    return named.withColumn("place", F.row_number().over(best)).where(F.col("place") == 1).drop("place", "title_key")


def top(scored: DataFrame, list_size: int) -> DataFrame:
    """The best `list_size` products of each user; equal scores by product_id."""
    place = F.row_number().over(Window.partitionBy("user_id").orderBy(F.desc("score"), "product_id"))
    return scored.where(F.col("score") > 0).withColumn("rank", place).where(F.col("rank") <= list_size)


def as_rows(best: DataFrame, ctx: JobContext, versions: str) -> DataFrame:
    columns = constants(
        ctx,
        release_id=ctx.run.release_id,
        **HOME,
        as_of=ctx.as_of,
        model_version=versions,
        schema_version=table("results.recommendations").schema_version,
    ) | {"propensity": F.lit(None).cast("double")}
    names = ("user_id", "rank", "product_id", "score", "contributions", "attributions")
    return best.select(*names).withColumns(columns)

"""Facts that hold for tonight's rows.

One row of results.evidence is a fact, stored once however many rows it holds for. One row of
results.recommendation_evidence links it to a recommended row and says how far the score falls without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.evidence import facts
from libs.evidence.ids import with_id
from libs.explain.evidence_types import EVIDENCE_TYPES, K
from libs.job import JobContext, constants


@dataclass(frozen=True)
class Params:
    """people: fewest other people a fact about them needs (k-anonymity)."""

    people: int = K


def run(ctx: JobContext) -> None:
    lists = ctx.read("results.recommendations").where(F.col("release_id") == ctx.run.release_id)
    found = with_id(gathered(ctx, lists, ctx.params(Params).people), ctx.shop.name).persist()
    ctx.write("results.evidence", as_evidence(found, ctx))
    ctx.write("results.recommendation_evidence", as_links(found, ctx))
    missing = lists.join(found, ["user_id", "product_id"], "left_anti").count()
    if missing:
        ctx.log.warning("%d recommended rows have no fact that may be cited", missing)


def gathered(ctx: JobContext, lists: DataFrame, people: int) -> DataFrame:
    """Every fact of every family for the recommended rows; what is said of others needs `people` of them."""
    shop, action = ctx.shop, ctx.shop.action

    def as_of(name: str) -> DataFrame:
        return ctx.read_cutoffs(name, (ctx.as_of,))

    history = as_of("features.user_history").persist()
    owned = history.select("user_id", "owned")
    rows = (
        lists.select("user_id", "product_id", "score", "contributions", "attributions")
        .join(owned, "user_id", "inner")
        .withColumn("owned", F.array_contains("owned", F.col("product_id")))
        .persist()
    )
    profile = as_of("features.product_profile").persist()
    listed = F.broadcast(rows.select("product_id").distinct())
    pairs = as_of("features.item_pairs").join(listed, "product_id", "left_semi")
    users, edges = as_of("features.user_rfm"), ctx.read("silver.social_edges").where(F.col("day") < ctx.as_of)
    edges = edges.where(~F.coalesce("directed", F.lit(False)))  # trust that points one way is no friendship
    families = [
        facts.anchored(rows, profile, pairs, action, people),
        facts.own_rhythm(rows.where(F.col("owned")), as_of("features.user_ledger"), shop.acquiring_kinds, action),
        facts.popularity(rows, profile, action),
        facts.praise(rows, profile),
        facts.tastes(rows, profile, as_of("features.user_taste"), users, action),
        facts.prices(rows, profile, users, shop.currency),
        facts.groups(rows, history, as_of("features.user_segment"), edges, action),
    ]
    # Who has the product may be among the people that a fact counts; of segment and friends the user never is.
    others = F.col("support") - (F.col("owned") & ~F.col("type").isin("segment", "friends")).cast("int")
    of_others = [type for type, spec in EVIDENCE_TYPES.items() if spec.people]
    may_be_said = ~F.col("type").isin(of_others) | (others >= people)
    found = reduce(DataFrame.unionByName, [fact for family in families for fact in family])
    return found.where(may_be_said).drop("owned")


def as_evidence(found: DataFrame, ctx: JobContext) -> DataFrame:
    """Each fact once: its columns are a function of its id."""
    names = ("type", "slots", "about", "about_user", "about_product", "support", "source_table", "source_keys")
    once = found.groupBy("evidence_id").agg(*[F.first(name).alias(name) for name in names])
    pairs = [F.lit(part) for name, version in sorted(ctx.versions_read.items()) for part in (name, version)]
    return once.select(
        "evidence_id",
        F.col("about").alias("subject"),
        F.col("about_user").alias("user_id"),
        F.col("about_product").alias("product_id"),
        "type",
        "slots",
        "support",
        "source_table",
        F.create_map(*pairs)[F.col("source_table")].cast("bigint").alias("source_version"),
        "source_keys",
    ).withColumns(constants(ctx, release_id=ctx.run.release_id))


def as_links(found: DataFrame, ctx: JobContext) -> DataFrame:
    role = F.when(F.col("contribution") > 0, F.lit("reason")).otherwise(F.lit("information"))
    links = found.select("user_id", "product_id", "evidence_id", role.alias("role"), "contribution")
    return links.withColumns(constants(ctx, release_id=ctx.run.release_id, surface="home", context="default"))

"""Facts that hold for tonight's rows.

One row of results.evidence is a fact, stored once however many rows it holds for. One row of
results.recommendation_evidence links it to a recommended row and says how far the score falls without it.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.evidence.facts import Inputs
from libs.evidence.gather import TABLES, gathered
from libs.evidence.ids import with_id
from libs.job import JobContext, constants
from libs.tables import LIST_ROW, table


def run(ctx: JobContext) -> None:
    lists = ctx.read("results.recommendations").where(F.col("release_id") == ctx.run.release_id)
    facts = with_id(gathered(inputs(ctx, lists)), ctx.shop.name).persist()
    ctx.write("results.evidence", as_evidence(facts, ctx))
    ctx.write("results.recommendation_evidence", as_links(facts, ctx))
    missing = lists.join(facts, list(LIST_ROW), "left_anti").count()
    if missing:
        ctx.log.warning("%d recommended rows have no fact that may be cited", missing)


def inputs(ctx: JobContext, lists: DataFrame) -> Inputs:
    """The recommended rows, and the tables that facts are gathered from, as of tonight."""
    tables = {name: as_of(ctx, name) for name in TABLES}
    for name in ("features.user_history", "features.product_profile"):  # most facts need them
        tables[name] = tables[name].persist()
    rows = (
        lists.select(*LIST_ROW, "score", "contributions", "attributions")
        .join(tables["features.user_history"].select("user_id", "owned"), "user_id", "inner")
        .withColumn("owned", F.array_contains("owned", F.col("product_id")))
        .persist()
    )
    return Inputs(rows, tables, ctx.shop)


def as_of(ctx: JobContext, name: str) -> DataFrame:
    if "cutoff" in table(name).column_names:
        return ctx.read_cutoffs(name, (ctx.as_of,))
    return ctx.read(name).where(F.col("day") < ctx.as_of)


def as_evidence(facts: DataFrame, ctx: JobContext) -> DataFrame:
    """Each fact once: its columns are a function of its id."""
    whom = ("about", "about_user", "about_product")
    names = ("type", "slots", *whom, "support", "source_table", "source_keys", "review_ids")
    once = facts.groupBy("evidence_id").agg(*[F.first(name).alias(name) for name in names])
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
        "review_ids",
    ).withColumns(constants(ctx, release_id=ctx.run.release_id))


def as_links(facts: DataFrame, ctx: JobContext) -> DataFrame:
    role = F.when(F.col("contribution") > 0, F.lit("reason")).otherwise(F.lit("information"))
    links = facts.select(*LIST_ROW, "evidence_id", role.alias("role"), "contribution")
    return links.withColumns(constants(ctx, release_id=ctx.run.release_id))

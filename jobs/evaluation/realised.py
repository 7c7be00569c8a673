"""Scores the lists that were really published, once their horizon has passed.

One row of quality.metrics is one figure of a release's lists: of users with a history before the day the lists were
for, who took something in [as_of, as_of + horizon). The target `first` leaves products they owned out of the list.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.evaluation.lists import FINAL, candidate_arrays, sample, targets, top_lists, users_with_targets
from libs.evaluation.report import TARGETS, fold, metric_rows
from libs.job import JobContext
from libs.tables import HOME, TABLES

DEPTH = 20


def run(ctx: JobContext) -> None:
    releases = due(ctx)
    if not releases:
        ctx.log.info("no published release whose horizon has just passed")
        return
    rows = measure(ctx, releases, ctx.shop.evaluation.max_users)
    found = [tuple(row.get(name) for name in TABLES["quality.metrics"].column_names) for row in rows]
    ctx.write("quality.metrics", ctx.spark.createDataFrame(found, TABLES["quality.metrics"].ddl))


def due(ctx: JobContext) -> dict[date, str]:
    """release_id by as_of: the newest attempt of each day whose horizon has passed and that has no figures yet."""
    horizon = ctx.shop.evaluation.horizon_days
    newest = F.row_number().over(Window.partitionBy("as_of").orderBy(F.desc("attempt")))
    published = (
        ctx.read("results.releases")
        .where((F.col("status") == "published") & (F.date_add("as_of", horizon) <= F.lit(ctx.as_of)))
        .withColumn("newest", newest)
        .where(F.col("newest") == 1)
    )
    known = ctx.read("quality.metrics").where(F.col("kind") == "realised").select("release_id", "test_end").distinct()
    new = published.withColumn("test_end", F.date_add("as_of", horizon)).join(
        known, ["release_id", "test_end"], "left_anti"
    )
    return {row["as_of"]: row["release_id"] for row in new.select("as_of", "release_id").collect()}


def measure(ctx: JobContext, releases: dict[date, str], max_users: int) -> list[dict[str, Any]]:
    cutoffs, horizon = tuple(sorted(releases)), ctx.shop.evaluation.horizon_days
    taken = targets(ctx.read("silver.events"), cutoffs, horizon, ctx.shop)
    chosen = sample(users_with_targets(taken, ctx.read_cutoffs("features.user_history", cutoffs)), max_users).cache()
    users = chosen.select("cutoff", "user_id", "n_all", "n_first").toPandas()
    shown = as_pool(ctx.read("results.recommendations").where(F.col("release_id").isin(*releases.values())), chosen)
    lists = top_lists(candidate_arrays(shown, chosen, [FINAL]), [FINAL], {}, DEPTH).toPandas()
    rows = []
    for day in cutoffs:
        about = {
            "shop": ctx.shop.name,
            "train_cutoff": day,
            "test_start": day,
            "test_end": day + timedelta(days=horizon),
            "kind": "realised",
            "release_id": releases[day],
        }
        for target in TARGETS:
            found = metric_rows([fold(users, lists, day, target, [FINAL])], [FINAL])
            rows += [about | {"target": target} | row for row in found]
    return rows


def as_pool(recommendations: DataFrame, users: DataFrame) -> DataFrame:
    """Published rows in the shape of a candidate pool with one source, whose normalized score falls with the rank."""
    place = F.struct(F.lit(FINAL).alias("source"), (F.lit(1.0) / F.col("rank")).alias("normalized_score"))
    owners = users.select("cutoff", "user_id", "owned")
    return (
        recommendations.where(reduce(Column.__and__, [F.col(name) == value for name, value in HOME.items()]))
        .withColumnRenamed("as_of", "cutoff")
        .join(F.broadcast(owners), ["cutoff", "user_id"], "inner")
        .select("cutoff", "user_id", "product_id", F.array_contains("owned", F.col("product_id")).alias("owned"),
                F.array(place).alias("sources"))
    )  # fmt: skip

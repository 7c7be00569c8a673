"""Measures every source and the fused list on windows nothing was fitted on.

One row of quality.metrics is one figure of one list for one target: of a window [c, c + horizon) whose candidates were
fitted on what was known before c and whose weights on the windows before it, or of all windows pooled. Looked at are
users with a history before c who took something in the window; one without a list counts 0. The oldest fold is not
measured: it gives the second one its weights and its best single source.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.evaluation.lists import FINAL, Weights, candidate_arrays, sample, targets, top_lists, users_with_targets
from libs.evaluation.report import TARGETS, Fold, best_source, fold, make_catalogue, metric_rows
from libs.job import JobContext
from libs.ranking.fusion import FusionWeights
from libs.registry.models import models_of_folds
from libs.tables import FUSION, SOURCES, TABLES

DEPTH = 20


def run(ctx: JobContext) -> None:
    folds = ctx.run.folds
    if not folds:
        ctx.log.info("no folds: nothing to measure")
        return
    users, lists = looked_at(ctx)
    profiles = products(ctx.read_cutoffs("features.product_profile", folds),
                        ctx.read_cutoffs("features.user_history", folds)).toPandas()  # fmt: skip
    rows = measure(ctx, users, lists, profiles)
    ctx.write("quality.metrics", ctx.spark.createDataFrame(as_tuples(ctx, rows), TABLES["quality.metrics"].ddl))
    log_table(ctx, rows)


def looked_at(ctx: JobContext) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The known users of each fold with their number of targets, and what each list shows them."""
    folds = ctx.run.folds
    taken = targets(ctx.read("silver.events"), folds, ctx.shop.evaluation.horizon_days, ctx.shop)
    users = users_with_targets(taken, ctx.read_cutoffs("features.user_history", folds)).cache()
    counts = {row["known"]: row["count"] for row in users.groupBy("known").count().collect()}
    ctx.log.info("users of the windows: %d known, %d new ones left out", counts.get(True, 0), counts.get(False, 0))
    chosen = sample(users, ctx.shop.evaluation.max_users)
    pool = ctx.read_cutoffs("candidates.candidate_pool", folds)
    lists = top_lists(candidate_arrays(pool, chosen, tuple(SOURCES)), tuple(SOURCES), weights(ctx), DEPTH)
    return chosen.select("cutoff", "user_id", "n_all", "n_first").toPandas(), lists.toPandas()


def weights(ctx: JobContext) -> Weights:
    """The back-test's weights by cut-off and target."""
    by_fold = {
        fold: {target: FusionWeights.of(fit) for target, fit in json.loads(row["fitted"]).items()}
        for fold, row in models_of_folds(ctx, FUSION).items()
    }
    missing = set(ctx.run.folds[1:]) - set(by_fold)
    if missing:
        raise OperatorError(
            f"no weights of {ctx.shop.name} for the window from {min(missing)}: run training.fusion first"
        )
    return by_fold


def products(profiles: DataFrame, history: DataFrame) -> DataFrame:
    """cutoff, product_id, buyers, categories, n_users (known as of the cut-off), vector (as of the newest only)."""
    known = history.groupBy("cutoff").agg(F.count("*").alias("n_users"))
    newest = profiles.agg(F.max("cutoff").alias("newest"))
    vector = F.when(F.col("cutoff") == F.col("newest"), F.col("vector"))
    return (
        profiles.join(F.broadcast(known), "cutoff", "inner")
        .crossJoin(F.broadcast(newest))
        .select("cutoff", "product_id", "buyers", "categories", "n_users", vector.alias("vector"))
    )


def measure(ctx: JobContext, users: pd.DataFrame, lists: pd.DataFrame, profiles: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for each measured window and target, and pooled over the windows where there are several."""
    cutoffs, horizon = ctx.run.folds, timedelta(days=ctx.shop.evaluation.horizon_days)
    brought = set(lists["list"])
    sources = [source for source in SOURCES if source == "popular" or source in brought]
    catalogue = make_catalogue(profiles, {p for shown in lists["products"] for p in shown})
    rows = []
    for target in TARGETS:
        first = fold(users, lists, cutoffs[0], target, sources)
        tested = [fold(users, lists, c, target, [*sources, FINAL], catalogue) for c in cutoffs[1:]]
        best = [best_source([first, *tested[:i]], sources) for i in range(len(tested))]
        ctx.log.info("%s: best single source before each window: %s", target, ", ".join(best))
        groups: list[tuple[list[Fold], list[str]]] = [([f], [b]) for f, b in zip(tested, best, strict=True)]
        for own, chosen in [*groups, (tested, best)] if len(tested) > 1 else groups:
            window = {"train_cutoff": own[0].cutoff, "test_start": own[0].cutoff, "test_end": own[-1].cutoff + horizon}
            found = metric_rows(own, [*sources, FINAL], FINAL, chosen, catalogue)
            rows += [window | {"target": target, "kind": "backtest"} | row for row in found]
    return rows


def as_tuples(ctx: JobContext, rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    names = TABLES["quality.metrics"].column_names
    return [tuple(({"shop": ctx.shop.name} | row).get(name) for name in names) for row in rows]


def log_table(ctx: JobContext, rows: list[dict[str, Any]]) -> None:
    """NDCG@10 of every list over all windows, with what may be said of it."""
    start, end = min(row["test_start"] for row in rows), max(row["test_end"] for row in rows)
    pooled = [r for r in rows if (r["test_start"], r["test_end"], r["k"]) == (start, end, 10)]
    words = {(r["target"], r["list"], r["metric"]): r["verdict"] for r in pooled if r["verdict"]}
    ctx.log.info("NDCG@10 on [%s, %s)", start, end)
    told = [r for r in pooled if r["metric"] == "ndcg" and r["users"]]
    if not told:
        ctx.log.warning("no user with a history took anything in the windows")
    for row in sorted(told, key=lambda r: (r["target"], -r["value"])):
        said = [f"against {key[2][11:]}: {words[key]}" for key in words if key[:2] == (row["target"], row["list"])]
        ctx.log.info("%-5s %-20s %.4f [%.4f, %.4f] %d users  %s", row["target"], row["list"], row["value"],
                     row["low"], row["high"], row["users"], "; ".join(said))  # fmt: skip

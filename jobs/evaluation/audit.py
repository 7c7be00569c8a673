"""Holds tonight's results against limits and conf/expectations, before anything is published.

One row of quality.audits is one check of the release (libs.quality.audits); the expectations' results are in
quality.gate_results. A failed check of severity `stop` ends the run with exit status 3, once all rows are written;
yesterday's release stays current.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.evaluation.release_rules import faults
from libs.errors import GateError
from libs.job import JobContext
from libs.quality import audits
from libs.quality.audits import GINI, Audited, Backtest
from libs.quality.audits import Limits as Params
from libs.quality.gates import record_and_enforce, run_expectations
from libs.registry.models import models_in_use, models_left_out
from libs.tables import FUSION, SOURCES, released_tables, table

_EVENTS = [f"silver.{kind}" for kind in ("transactions", "reviews", "interactions")]


def run(ctx: JobContext) -> None:
    tables = {found.name: of_release(ctx, found.name).cache() for found in released_tables()}
    lists, limits, last = tables["results.recommendations"], ctx.params(Params), last_release(ctx)
    found = [*broken_rows(ctx, tables), *quality(ctx, last, limits), *deliveries(ctx, limits),
             *users(ctx, lists, last, limits), *products(ctx, lists, last, limits)]  # fmt: skip
    store(ctx, found)
    try:
        results = [r for name, rows in tables.items() for r in run_expectations(rows, name, ctx.run.conf.root)]
        if lists.isEmpty():  # whether a release may be without lists is for the checks above to say
            results = [replace(result, passed=True) for result in results]
        record_and_enforce(ctx, "results", results)
    finally:  # the audit's own words come first where both failed
        refuse(ctx, found)


def of_release(ctx: JobContext, name: str) -> DataFrame:
    return ctx.read(name).where(F.col("release_id") == ctx.run.release_id)


def last_release(ctx: JobContext) -> Row | None:
    """The newest published release of an earlier day."""
    earlier = ctx.read("results.releases").where((F.col("status") == "published") & (F.col("as_of") < F.lit(ctx.as_of)))
    return earlier.orderBy(F.desc("as_of"), F.desc("attempt")).first()


def broken_rows(ctx: JobContext, tables: dict[str, DataFrame]) -> list[Audited]:
    """Grounding and whole releases: no row may break one of these."""
    found, sentences = faults(tables, ctx.shop.languages), tables["results.explanations"]
    moved = sentences.agg(F.avg((F.coalesce("contribution", F.lit(0.0)) > 0).cast("int"))).first()
    ctx.log.info("cited facts moved the score in %.1f%% of the sentences", 100 * ((moved and moved[0]) or 0.0))
    return [audits.none_broken(check, count) for check, count in found.items()]


def quality(ctx: JobContext, last: Row | None, limits: Params) -> list[Audited]:
    """The back-test of the models in use: beside the popular list, and beside the last release's models."""
    now, published = ctx.run.train_cutoff, "all" if ctx.shop.repurchasable else "first"
    before = trained(ctx, last["model_versions"]) if last else None
    fallback, tested = fallback_of(ctx)
    of_gate = fallback if published == ctx.shop.evaluation.gate else None
    return [
        audits.fused(fallback, tested),
        audits.at_least_popular(backtest(ctx, now, "ndcg_minus_popular"), of_gate),
        audits.not_below_last(backtest(ctx, now), backtest(ctx, before) if before and before != now else None, limits),
    ]


def fallback_of(ctx: JobContext) -> tuple[str | None, dict[str, float]]:
    """The source whose lists are published instead of fused ones, and what was tested; (None, {}) usually."""
    weights = models_in_use(ctx).get(FUSION)
    fitted = json.loads(weights["fitted"])["all" if ctx.shop.repurchasable else "first"] if weights else {}
    return fitted.get("fallback"), fitted.get("tested", {})


def trained(ctx: JobContext, versions: dict[str, str]) -> date | None:
    """The training day of a release's models; None where they are there no more."""
    models = ctx.read("training.models").where(F.col("version").isin(list(versions.values())))
    row = models.agg(F.max("train_cutoff").alias("day")).first()
    return row["day"] if row else None


def backtest(ctx: JobContext, trained: date, metric: str = "ndcg") -> Backtest | None:
    """The figure of the final list over all windows before a training day, for the target that gates."""
    same = {"kind": "backtest", "target": ctx.shop.evaluation.gate, "list": "final", "metric": metric, "k": 10}
    metrics = ctx.read("quality.metrics").where(F.col("test_end") == F.lit(trained))
    for column, value in same.items():
        metrics = metrics.where(F.col(column) == value)
    row = metrics.where(F.col("value").isNotNull()).orderBy("test_start").first()
    return Backtest(*(row[name] for name in ("value", "low", "high", "users", "verdict"))) if row else None


def deliveries(ctx: JobContext, limits: Params) -> list[Audited]:
    """Events of each day of a year, by the daily figures of silver: neither old nor too few nor too many."""
    day, events = F.col("day"), Counter[date]()
    figures = ctx.read("quality.table_health").where((F.col("metric") == "rows") & F.col("table").isin(_EVENTS))
    for row in figures.where((day < F.lit(ctx.as_of)) & (day >= F.lit(ctx.as_of - timedelta(days=365)))).collect():
        events[row["day"]] += int(row["value"])
    counts = dict(events)
    return [check(counts, ctx.as_of, ctx.shop.is_open, limits) for check in (audits.fresh, audits.usual_volume)]


def users(ctx: JobContext, lists: DataFrame, last: Row | None, limits: Params) -> list[Audited]:
    """Who has a list, how many rows, and whether the less active half of the users has as many as the other."""
    rows = lists.groupBy("user_id").agg(F.count("*").alias("rows"))
    events = ctx.read_cutoffs("features.user_history", (ctx.as_of,)).select("user_id", F.size("events").alias("events"))
    pool = candidates(ctx)
    if not ctx.shop.repurchasable:
        pool = pool.where(~F.col("owned"))  # scoring may not show these
    pool = pool.select("user_id").distinct()
    known = pool.join(rows, "user_id", "left").join(events, "user_id", "left").fillna(0, ["rows", "events"]).cache()
    total = known.agg(F.count("*").alias("users"), F.count_if(F.col("rows") > 0).alias("listed"),
                      F.sum("rows").alias("rows"), F.median("events").alias("middle")).first()  # fmt: skip
    assert total is not None
    less = F.col("events") <= F.lit(total["middle"])
    halves = known.agg(F.avg(F.when(less, F.col("rows"))), F.avg(F.when(~less, F.col("rows")))).first()
    assert halves is not None
    listed, all_rows = total["listed"], total["rows"] or 0
    return [
        audits.users_listed(listed, total["users"], limits),
        audits.not_fewer("users with a list", listed, last and last["users"], limits.max_user_drop),
        audits.not_fewer("rows", all_rows, last and last["recommendations"], limits.max_row_drop),
        audits.activity_ratio(halves[0], halves[1], total["users"], limits),
    ]


def candidates(ctx: JobContext) -> DataFrame:
    return ctx.read_cutoffs("candidates.candidate_pool", (ctx.as_of,))


def products(ctx: JobContext, lists: DataFrame, last: Row | None, limits: Params) -> list[Audited]:
    """Which sources list products, and how often products are shown.

    The latter as counts of counts: they come to the driver, and there are few of them.
    """
    pool = candidates(ctx)
    names = [F.max(F.array_contains("sources.source", name)).alias(name) for name in SOURCES]
    named = pool.groupBy("product_id").agg(*names).cache()
    lists_some = named.agg(*[F.max(name).alias(name) for name in SOURCES]).first()
    assert lists_some is not None
    left_out = models_left_out(ctx)
    silent = {
        name: left_out.get(source.model, "nothing to learn from yet")
        for name, source in SOURCES.items()
        if source.learned and not lists_some[name]
    }
    times = lists.groupBy("product_id").agg(F.count("*").alias("times"))
    shown = {
        row["times"]: row["products"] for row in times.groupBy("times").agg(F.count("*").alias("products")).collect()
    }
    profiles = ctx.read_cutoffs("features.product_profile", (ctx.as_of,))
    sold = profiles.where(F.col("buyers") > 0).select("product_id")
    listable = named.select("product_id").union(sold).distinct().count()
    users = lists.select("user_id").distinct().count()
    of_last = F.col("release_id") == F.lit(last["release_id"] if last else None)
    before = ctx.read("quality.audits").where(of_last & (F.col("check") == GINI)).first()
    last_gini, (fallback, _) = before and before["observed"], fallback_of(ctx)
    return [audits.sources_list(silent), audits.exposure(shown, listable, users, last_gini, limits, fallback)]


def store(ctx: JobContext, found: list[Audited]) -> None:
    names = table("quality.audits").column_names
    about = {"shop": ctx.shop.name, "release_id": ctx.run.release_id, "run_id": ctx.run.run_id, "as_of": ctx.as_of}
    figures = [
        {n: v if v is None else float(v) for n, v in vars(one).items() if n in ("observed", "limit")} for one in found
    ]
    rows = [tuple((about | vars(o) | f)[name] for name in names) for o, f in zip(found, figures, strict=True)]
    ctx.write("quality.audits", ctx.spark.createDataFrame(rows, table("quality.audits").ddl).coalesce(1))


def refuse(ctx: JobContext, found: list[Audited]) -> None:
    """Warns of what warns; raises GateError where a check that counts has failed."""
    failed = [one for one in found if not one.passed]
    for one in failed:
        ctx.log.warning("audit: %s: %s (%s)", one.check, one.message, one.severity)
    stops = [one for one in failed if one.severity == "stop"]
    if stops:
        more = f" (and {len(stops) - 1} more, see quality.audits)" if len(stops) > 1 else ""
        raise GateError(f"audit failed, nothing is published: {stops[0].check}: {stops[0].message}{more}")

"""Holds tonight's results against conf/expectations and the checks below, before anything is published.

One row of quality.gate_results (gate `results`) is one check. A failed one of severity `stop` ends the run with exit
status 3, once all rows are written; yesterday's release stays current.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext
from libs.quality.gates import GateResult, hold, run_expectations

_ROW = ["surface", "context", "user_id", "product_id"]
_GATED = ("results.recommendations", "results.explanations", "results.evidence")
_MOVED = "cited facts that did not move the score"
_MIN_TEST_USERS = 200


@dataclass(frozen=True)
class Params:
    """min_user_share: share of the users with candidates who must have a list."""

    min_user_share: float = 0.95


def run(ctx: JobContext) -> None:
    tables = {name: of_release(ctx, name).cache() for name in (*_GATED, "results.recommendation_evidence")}
    expected = [r for name in _GATED for r in run_expectations(tables[name], name, ctx.run.conf.root)]
    own = [
        *broken_rows(ctx, tables),
        users_with_list(ctx, tables["results.recommendations"], ctx.params(Params).min_user_share),
        not_below_popular(ctx),
    ]
    hold(ctx, "results", [*own, *expected])


def of_release(ctx: JobContext, name: str) -> DataFrame:
    return ctx.read(name).where(F.col("release_id") == ctx.run.release_id)


def broken_rows(ctx: JobContext, tables: dict[str, DataFrame]) -> list[GateResult]:
    """Each check is a DataFrame of the rows that break it; all are counted in one job."""
    rows = tables["results.recommendations"].select(*_ROW)
    sentences, links = tables["results.explanations"], tables["results.recommendation_evidence"]
    facts = tables["results.evidence"].select("evidence_id", F.lit(True).alias("stored"))
    wanted = rows.withColumn("language", F.explode(F.array(*[F.lit(one) for one in ctx.shop.languages])))
    # A sentence that cites nothing keeps its row, with no fact to be found.
    cited = sentences.select(*_ROW, "language", F.explode_outer("evidence_ids").alias("evidence_id"))
    breaking = {
        ("results.explanations", "each recommended row has a sentence in each language"): wanted.join(
            sentences, [*_ROW, "language"], "left_anti"
        ),
        ("results.explanations", "each sentence belongs to a recommended row"): sentences.join(rows, _ROW, "left_anti"),
        ("results.explanations", "each sentence is grounded"): sentences.where(~F.col("grounded")),
        ("results.explanations", "each sentence cites facts, and all of them are stored"): cited.join(
            facts, "evidence_id", "left"
        ).where(F.col("stored").isNull()),
        ("results.recommendation_evidence", "each fact belongs to a recommended row"): links.join(
            rows, _ROW, "left_anti"
        ),
        ("results.recommendation_evidence", "each fact is stored"): links.join(facts, "evidence_id", "left_anti"),
        ("results.explanations", _MOVED): sentences.where(~(F.coalesce("contribution", F.lit(0.0)) > 0)),
        ("results.explanations", "sentences"): sentences,
    }
    counted = [
        frame.agg(F.count("*").alias("rows")).select(F.lit(table).alias("table"), F.lit(check).alias("check"), "rows")
        for (table, check), frame in breaking.items()
    ]
    found = {(r["table"], r["check"]): r["rows"] for r in reduce(DataFrame.unionByName, counted).collect()}
    unmoved, sentences_told = (
        found.pop(("results.explanations", _MOVED)),
        found.pop(("results.explanations", "sentences")),
    )
    moved = 1 - unmoved / sentences_told if sentences_told else 0.0
    ctx.log.info("cited facts moved the score in %.1f%% of %d sentences", 100 * moved, sentences_told)
    return [
        GateResult(table, check, count == 0, f"{count} rows do not", "0 rows", "stop")
        for (table, check), count in found.items()
    ]


def users_with_list(ctx: JobContext, recommendations: DataFrame, min_share: float) -> GateResult:
    pool = ctx.read_cutoffs("candidates.candidate_pool", (ctx.as_of,))
    counts = [frame.agg(F.count_distinct("user_id").alias("n")) for frame in (recommendations, pool)]
    listed, all_users = (row["n"] for row in counts[0].unionAll(counts[1]).collect())
    passed = listed > 0 and listed >= min_share * all_users
    return GateResult("results.recommendations", "users with candidates have a list", passed,
                      f"{listed} of {all_users}", f"at least {min_share:.0%}", "stop")  # fmt: skip


def not_below_popular(ctx: JobContext) -> GateResult:
    """The back-test of the models in use, over all its windows; below 200 users it only warns."""
    same = {"kind": "backtest", "target": ctx.shop.evaluation.gate, "list": "final", "metric": "ndcg_minus_popular"}
    metrics = ctx.read("quality.metrics").where(F.col("test_end") == F.lit(ctx.run.train_cutoff))
    for column, value in same.items():
        metrics = metrics.where(F.col(column) == value)
    row = metrics.orderBy("test_start").first()
    check = f"NDCG@10 of the final list is not below popular ({ctx.shop.evaluation.gate})"
    if row is None:
        return GateResult("quality.metrics", check, False, "no user to test on", "better or at least", "warn")
    severity = "stop" if row["users"] >= _MIN_TEST_USERS else "warn"
    told = f"{row['verdict']}: {row['value']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], {row['users']} users"
    return GateResult("quality.metrics", check, row["verdict"] != "worse", told, "better or at least", severity)

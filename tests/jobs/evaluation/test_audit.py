from __future__ import annotations

import json
import math
from datetime import date

import pytest
from pyspark.sql import functions as F

from jobs.evaluation import audit
from libs.errors import GateError
from libs.quality.audits import GINI, Backtest
from tests.jobs.evaluation.rows import (
    candidate,
    fact,
    fusion_model,
    history,
    link,
    profile,
    recommendation,
    release,
    sentence,
)

DAY = "2020-02-01"
TABLES = ("results.recommendations", "results.explanations", "results.evidence", "results.recommendation_evidence")


def good(release_id):
    """Rows of a release without fault, by table: one user, two products, two languages, one fact each."""
    rows = {name: [] for name in TABLES}
    for rank, product in enumerate(("p1", "p2"), 1):
        rows[TABLES[0]].append(recommendation(release_id, "u", rank, product))
        rows[TABLES[1]] += [sentence(release_id, "u", product, language, f"e-{product}") for language in ("en", "zh")]
        rows[TABLES[2]].append(fact(release_id, f"e-{product}"))
        rows[TABLES[3]].append(link(release_id, "u", product, f"e-{product}"))
    return rows


@pytest.fixture
def shop(make_warehouse):
    return make_warehouse(languages=("en", "zh"))


def seed(warehouse, *releases):
    for name in TABLES:
        warehouse.seed(name, [row for rows in releases for row in rows[name]])


def broken(warehouse, release_id):
    ctx = warehouse.context("evaluation.audit", release_id=release_id)
    found = audit.broken_rows(ctx, {name: audit.of_release(ctx, name) for name in TABLES})
    assert all(result.severity == "stop" for result in found)
    return {result.check: result.observed for result in found if not result.passed}


def test_each_planted_fault_is_counted_by_its_own_check_and_a_good_release_has_none(shop):
    bad = good(f"{DAY}-02")
    sentences, links = bad["results.explanations"], bad["results.recommendation_evidence"]
    stranger = [sentence(f"{DAY}-02", "u", f"p{i}", "en", "e-p1", grounded=i > 6) for i in range(4, 9)]
    sentences[0]["evidence_ids"] = []
    sentences[1]["evidence_ids"] = ["e-p1", "nowhere"]
    del sentences[3]  # p2 in Chinese
    sentences += stranger  # five, three of them not grounded
    links += [link(f"{DAY}-02", "u", f"p{i}", "e-p1") for i in range(3, 7)]
    links += [link(f"{DAY}-02", "u", "p1", f"nowhere {i}") for i in range(6)]
    odd = (-0.1, 1.5, math.nan, math.inf, -math.inf, -1.0, 2.0)
    links += [link(f"{DAY}-02", "u", "p1", "e-p1") | {"role": f"r{i}", "contribution": c} for i, c in enumerate(odd)]
    seed(shop, good(f"{DAY}-01"), bad)

    assert broken(shop, f"{DAY}-01") == {}
    assert broken(shop, f"{DAY}-02") == {
        "each recommended row has a sentence in each language": 1,
        "each sentence cites facts, and all of them are stored": 2,
        "each sentence is grounded": 3,
        "each fact belongs to a recommended row": 4,
        "each sentence belongs to a recommended row": 5,
        "each fact is stored": 6,
        "each fact moves the score by something from 0 to 1": 7,
    }


def audits(warehouse, release_id):
    rows = warehouse.read("quality.audits").where(F.col("release_id") == release_id).collect()
    return {row["check"]: row for row in rows}


def profile_and_history(warehouse, *users):
    warehouse.seed("features.product_profile", [profile(DAY, product) for product in ("p1", "p2")])
    warehouse.seed("features.user_history", [history(DAY, user) for user in users])


def test_a_failed_check_stops_the_release_by_name_after_its_row_is_written_and_a_good_one_passes(shop):
    bad, fine = good(f"{DAY}-01"), good(f"{DAY}-02")
    bad["results.explanations"][0]["grounded"] = False
    seed(shop, bad, fine)
    shop.seed("candidates.candidate_pool", [candidate(DAY, "u", "p1", popular=1.0)])
    profile_and_history(shop, "u")

    with pytest.raises(
        GateError, match="audit failed, nothing is published: each sentence is grounded: 1 rows"
    ) as stopped:
        shop.run("evaluation.audit", release_id=f"{DAY}-01")
    assert stopped.value.status == 3
    row = audits(shop, f"{DAY}-01")["each sentence is grounded"]
    assert (str(row["as_of"]), row["observed"], row["limit"], row["passed"], row["severity"]) == (
        DAY,
        1.0,
        0.0,
        False,
        "stop",
    )
    with pytest.raises(GateError, match="not published"):
        shop.run("publish.release", release_id=f"{DAY}-01", end=DAY)

    for _ in range(2):  # the same release again: the same rows
        shop.run("evaluation.audit", release_id=f"{DAY}-02")
    assert shop.read("quality.audits").count() == 2 * len(audits(shop, f"{DAY}-02"))
    # No window could be tested on, and no delivery is known: said, but no reason to stop.
    failed = {check: row["severity"] for check, row in audits(shop, f"{DAY}-02").items() if not row["passed"]}
    assert failed == {
        "NDCG@10 of the final list is not below popular": "warn",
        "each learned source lists products": "warn",
        "the newest event is of the last open day": "warn",
    }
    gates = shop.collect("quality.gate_results")
    assert any("unique" in row["check"] for row in gates)  # of conf/expectations
    # A release without lists, of a shop of guests alone: nothing stops it.
    shop.run("evaluation.audit", release_id="2020-03-01-01", end="2020-03-01")
    assert not audits(shop, "2020-03-01-01")["users with candidates have a list"]["passed"]


def difference(end, users, word, start="2020-01-01", **other):
    row = {
        "train_cutoff": date.fromisoformat(start),
        "test_start": date.fromisoformat(start),
        "test_end": date.fromisoformat(end),
        "target": "all",
        "list": "final",
        "metric": "ndcg_minus_popular",
        "k": 10,
        "value": 0.3,
        "low": 0.2,
        "high": 0.4,
        "users": users,
        "verdict": word,
        "kind": "backtest",
    }
    return row | other


def test_the_back_test_looked_at_is_that_of_all_windows_of_the_models_in_use(shop):
    day, none = date(2020, 2, 3), date(2020, 2, 10)
    shop.seed(
        "quality.metrics",
        [
            difference("2020-02-03", 200, "worse"),
            difference("2020-02-03", 900, "better", start="2020-01-20"),  # the last of the windows alone
            difference("2020-02-03", 900, "better", target="first"),
            difference("2020-02-03", 900, "better", list="als"),
            difference("2020-02-03", 200, None, metric="ndcg", value=0.25),
            difference("2020-02-03", 200, None, metric="ndcg", value=0.5, k=5),
            difference("2020-02-10", 0, None, metric="ndcg", value=None),
        ],
    )
    ctx = shop.context("evaluation.audit")
    assert audit.backtest(ctx, day, "ndcg_minus_popular") == Backtest(0.3, 0.2, 0.4, 200, "worse")
    assert audit.backtest(ctx, day) == Backtest(0.25, 0.2, 0.4, 200)
    assert audit.backtest(ctx, none) is None


def test_tonight_is_held_against_the_newest_release_of_an_earlier_day_and_its_models(shop):
    """Yesterday's second attempt had two users, and models better than tonight's by more than margin and noise."""
    second = release("2020-01-31-02", attempt=2) | {"users": 2, "recommendations": 4}
    shop.seed(
        "results.releases",
        [
            release("2020-01-31-01"),
            second | {"model_versions": {"fusion": "fusion-2020-01-06-record"}},
            release("2020-02-02-01"),  # a later day: tonight is a backfill
        ],
    )
    shop.seed("training.models", [fusion_model("2020-01-06", "record")])
    shop.seed(
        "quality.metrics",
        [
            difference("2020-01-06", 300, None, metric="ndcg", value=0.5, low=0.45, high=0.55),
            difference(DAY, 300, None, metric="ndcg", value=0.25, low=0.2, high=0.3),
        ],
    )
    shop.seed("quality.audits", [gini_row("2020-01-31-02", 0.0), gini_row("2020-01-31-01", 0.9)])
    shop.seed("candidates.candidate_pool", [candidate(DAY, u, "p1", popular=1.0) for u in ("u", "v", "w")])
    shop.seed("candidates.candidate_pool", [candidate("2020-01-01", "x", "p1", popular=1.0)])
    busy = history(DAY, "w") | {
        "events": [{"step": 1, "event_day": date(2020, 1, 1), "product_id": "p1", "kind": "review"}]
    }
    shop.seed("features.user_history", [history(DAY, "u"), busy])
    owners = {"p1": 3, "p2": 1, "p3": 1, "p4": 0, "p5": 0}  # a source names p4, nobody ever p5
    shop.seed("features.product_profile", [profile(DAY, product, n) for product, n in owners.items()])
    shop.seed("candidates.candidate_pool", [candidate(DAY, "u", "p4", als=1.0)])
    shop.seed(
        "results.recommendations", [recommendation(f"{DAY}-01", *row) for row in (("u", 1, "p1"), ("w", 1, "p1"))]
    )
    ctx, limits = shop.context("evaluation.audit"), audit.Params()

    last = audit.last_release(ctx)
    assert last["release_id"] == "2020-01-31-02"
    *_, fall = audit.quality(ctx, last, limits)
    assert (fall.passed, fall.observed, fall.limit, fall.severity) == (False, 0.25, 0.45, "stop")
    lists = audit.of_release(ctx, "results.recommendations")
    message = [(one.passed, one.message) for one in audit.users(ctx, lists, last, limits)]
    assert message == [
        (False, "2 of 3"),
        (True, "2 after 2"),
        (False, "2 after 4"),
        (False, "0.50 rows a user of the less active half, 1.00 of the more active"),
    ]
    # Both rows show one of four products: Gini 1 - 1/4, at best 1 - 2/4.
    silent, even = audit.products(ctx, lists, last, limits)
    assert (even.passed, even.observed, even.limit) == (False, 0.5, 0.05)
    assert (silent.passed, silent.observed) == (False, 3)
    assert "als" not in silent.message and "two_tower: nothing to learn from yet" in silent.message


def test_the_audit_tells_a_fallback_and_models_that_are_left_out(shop):
    model = fusion_model(DAY, "record")
    fitted = json.loads(model["fitted"])
    fitted["all"] |= {"fallback": "popular", "tested": {"fused": 0.0058, "popular": 0.006}}
    missing = fusion_model(DAY, "record") | {"model": "als", "version": "als", "fitted": '{"left_out": "too thin"}'}
    shop.seed("training.models", [model | {"fitted": json.dumps(fitted)}, missing])
    shop.seed("quality.metrics", [difference(DAY, 300, "worse")])
    ctx, limits = shop.context("evaluation.audit"), audit.Params()
    fused, popular, _ = audit.quality(ctx, None, limits)
    assert "those of popular alone: NDCG@10 of the fused lists was 0.0058" in fused.message
    assert (fused.passed, popular.passed, popular.severity) == (False, False, "warn")
    silent, even = audit.products(ctx, audit.of_release(ctx, "results.recommendations"), None, limits)
    assert "als: too thin" in silent.message
    assert (even.message, even.severity) == ("nothing is shown", "warn")


def gini_row(release_id, observed):
    return {"release_id": release_id, "run_id": "r", "as_of": date.fromisoformat(release_id[:10]), "check": GINI,
            "observed": observed, "limit": 1.0, "passed": True, "severity": "stop", "message": ""}  # fmt: skip


def test_events_of_all_kinds_are_counted_by_day_from_the_daily_figures(shop):
    figure = {"column": "", "metric": "rows"}
    shop.seed(
        "quality.table_health",
        [
            figure | {"day": date(2020, 1, day), "table": f"silver.{kind}", "value": value}
            for day in range(1, 31)
            for kind, value in (("transactions", 300.0), ("reviews", 100.0), ("queries", 999.0))
        ],
    )
    fresh, volume = audit.deliveries(shop.context("evaluation.audit"), audit.Params())
    assert (fresh.passed, fresh.message) == (False, "newest event 2020-01-30, 1 open days since")
    assert (volume.passed, volume.observed, volume.limit) == (True, 400.0, 400.0)

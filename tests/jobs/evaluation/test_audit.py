from __future__ import annotations

from datetime import date

import pytest

from jobs.evaluation import audit
from libs.job import GateError
from tests.jobs.evaluation.rows import candidate, fact, link, recommendation, sentence

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
    seed(shop, good(f"{DAY}-01"), bad)

    assert broken(shop, f"{DAY}-01") == {}
    assert broken(shop, f"{DAY}-02") == {
        "each recommended row has a sentence in each language": "1 rows do not",
        "each sentence cites facts, and all of them are stored": "2 rows do not",
        "each sentence is grounded": "3 rows do not",
        "each fact belongs to a recommended row": "4 rows do not",
        "each sentence belongs to a recommended row": "5 rows do not",
        "each fact is stored": "6 rows do not",
    }


def test_a_failed_check_stops_the_release_by_name_after_its_row_is_written_and_a_good_one_passes(shop):
    bad, fine = good(f"{DAY}-01"), good(f"{DAY}-02")
    bad["results.explanations"][0]["grounded"] = False
    seed(shop, bad, fine)
    shop.seed("candidates.candidate_pool", [candidate(DAY, "u", "p1", popular=1.0)])

    with pytest.raises(GateError, match="each sentence is grounded") as stopped:
        shop.run("evaluation.audit", release_id=f"{DAY}-01")
    assert stopped.value.status == 3
    row = shop.read("quality.gate_results").where("check = 'each sentence is grounded'").first()
    assert (row["gate"], str(row["cutoff"]), row["passed"], row["severity"]) == ("results", DAY, False, "stop")

    shop.run("evaluation.audit", release_id=f"{DAY}-02")  # the same checks of the day, replaced
    rows = shop.read("quality.gate_results").collect()
    # No window could be tested on: said, but no reason to stop.
    assert [(r["table"], r["severity"]) for r in rows if not r["passed"]] == [("quality.metrics", "warn")]
    assert any("unique" in r["check"] for r in rows if r["table"] == "results.recommendations")  # of conf/expectations


def test_too_few_users_with_a_list_stop_the_release(shop):
    seed(shop, good(f"{DAY}-01"))
    shop.seed("candidates.candidate_pool", [candidate(DAY, u, "p1", popular=1.0) for u in ("u", "v")])
    shop.seed("candidates.candidate_pool", [candidate("2020-01-01", "w", "p1", popular=1.0)])
    ctx = shop.context("evaluation.audit")
    lists = audit.of_release(ctx, "results.recommendations")
    half = audit.users_with_list(ctx, lists, 0.95)
    assert (half.passed, half.observed, half.severity) == (False, "1 of 2", "stop")
    assert audit.users_with_list(ctx, lists, 0.5).passed
    assert not audit.users_with_list(ctx, lists.where("false"), 0.0).passed


def difference(end, users, word, start="2020-01-01", **other):
    row = {
        "train_cutoff": date.fromisoformat(start),
        "test_start": date.fromisoformat(start),
        "test_end": date.fromisoformat(end),
        "target": "all",
        "list": "final",
        "metric": "ndcg_minus_popular",
        "k": 10,
        "value": 0.0,
        "low": -0.1,
        "high": 0.1,
        "users": users,
        "verdict": word,
        "kind": "backtest",
    }
    return row | other


def test_a_final_list_worse_than_popular_stops_from_200_test_users_on_and_warns_below(shop):
    worse, few, equal = "2020-02-03", "2020-02-10", "2020-02-17"
    shop.seed(
        "quality.metrics",
        [
            difference(worse, 200, "worse"),
            difference(worse, 900, "better", start="2020-01-20"),  # the last of the windows alone
            difference(worse, 900, "better", target="first"),
            difference(worse, 900, "better", list="als"),
            difference(few, 199, "worse"),
            difference(equal, 900, "at least"),
        ],
    )
    found = [
        audit.not_below_popular(shop.context("evaluation.audit", end=day, train_cutoff=day))
        for day in (worse, few, equal, DAY)
    ]
    assert [(r.passed, r.severity) for r in found] == [
        (False, "stop"),
        (False, "warn"),
        (True, "stop"),
        (False, "warn"),
    ]
    assert found[0].observed == "worse: +0.0000 [-0.1000, +0.1000], 200 users"

from __future__ import annotations

from math import log2

import pytest

from tests.builders import event
from tests.jobs.evaluation.rows import history, recommendation, release

DAY, END = "2020-01-10", "2020-01-20"


@pytest.fixture
def shop(make_warehouse):
    """Lists for DAY, whose horizon ends on END: u1 owned p1 and takes p3; u2 takes p9, and has no list."""
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    warehouse.seed("features.user_history", [history(DAY, "u1", "p1"), history(DAY, "u2")])
    warehouse.seed(
        "silver.events", [event("u1", "p3", "2020-01-19"), event("u2", "p9", DAY), event("u3", "p1", "2020-01-12")]
    )
    failed = recommendation(f"{DAY}-01", "u1", 1, "p3")
    lists = [recommendation(f"{DAY}-02", "u1", rank, product) for rank, product in enumerate(("p1", "p3", "p2"), 1)]
    warehouse.seed("results.recommendations", [failed, *lists, recommendation("2020-01-11-01", "u1", 1, "p3")])
    warehouse.seed("results.releases", [release(f"{DAY}-01"), release(f"{DAY}-02", 2), release("2020-01-11-01")])
    return warehouse


def score(warehouse, end=END):
    ctx = warehouse.run("evaluation.realised", end=end)
    rows = warehouse.collect("quality.metrics")
    return ctx, {(r["target"], r["metric"], r["k"]): r for r in rows if str(r["train_cutoff"]) == DAY}


def test_the_lists_last_published_for_a_day_are_scored_once_its_horizon_has_passed(shop):
    ctx, found = score(shop, end="2020-01-19")
    assert (found, ctx.versions_written) == ({}, {})

    ctx, found = score(shop)
    # p3 stands second for u1; u2 has no list and counts 0; u3 had no history and is left out.
    row = found["all", "ndcg", 10]
    assert row["value"] == pytest.approx((1 / log2(3) + 0) / 2)
    # Without p1, which u1 owned, p3 stands first.
    assert found["first", "ndcg", 10]["value"] == pytest.approx(1 / 2)
    assert (row["kind"], row["list"], row["release_id"], str(row["test_end"])) == (
        "realised",
        "final",
        f"{DAY}-02",
        END,
    )
    assert row["users"] == 2

    ctx, again = score(shop)
    assert (again, ctx.versions_written) == (found, {})


def test_a_later_attempt_that_was_published_takes_the_place_of_the_one_before(shop):
    score(shop)
    shop.seed("results.recommendations", [recommendation(f"{DAY}-03", "u1", 1, "p3")])
    shop.seed("results.releases", [release(f"{DAY}-03", 3)])
    _, found = score(shop)
    assert found["all", "ndcg", 10]["value"] == pytest.approx(1 / 2)
    rows = shop.rows("quality.metrics", "release_id")
    assert set(rows) == {(f"{DAY}-03",)}


def test_a_release_after_which_nobody_took_anything_is_told_once(make_warehouse):
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    warehouse.seed("results.releases", [release(f"{DAY}-01")])
    _, found = score(warehouse)
    assert [(key, row["value"], row["users"]) for key, row in sorted(found.items())] == [
        (("all", "ndcg", 10), None, 0),
        (("first", "ndcg", 10), None, 0),
    ]
    ctx, _ = score(warehouse)
    assert ctx.versions_written == {}

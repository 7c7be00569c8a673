from __future__ import annotations

from datetime import date
from math import log2

import pytest

from libs.errors import OperatorError
from tests.builders import event
from tests.jobs.evaluation.rows import candidate, fusion_model, history, profile

C1, C2, D = "2020-01-12", "2020-01-22", "2020-02-01"
SECOND = 1 / log2(3)  # gain of a hit at rank 2
TWO = 1 + SECOND  # ideal gain of two targets


@pytest.fixture
def shop(make_warehouse):
    """One measured window [C2, D).

    u1 owns p1 and takes p1 and p3; u2 takes p2; u3 takes p7, which no list has; u4 is new. Fused = .5 repeat +
    .2 popular + .3 als, so that u1 sees p1 (.5), p3 (.1 + .3), p2 (.2) and u2 sees p2 (.2), p3 (.1).
    """
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    warehouse.seed(
        "silver.events",
        [
            event("u1", "p1", "2020-01-25"),
            event("u1", "p3", "2020-01-31"),
            event("u1", "p2", "2020-01-23", kind="view"),
            event("u2", "p2", "2020-01-22"),
            event("u2", "p3", "2020-02-01"),
            event("u3", "p7", "2020-01-24"),
            event("u4", "p2", "2020-01-24"),
            event(None, "p3", "2020-01-24"),
            event("u1", "p2", "2020-01-15"),  # validation: als has it first, popular second
        ],
    )
    warehouse.seed(
        "features.user_history",
        [history(C1, "u1"), history(C2, "u1", "p1"), history(C2, "u2", "p9"), history(C2, "u3")],
    )
    warehouse.seed(
        "candidates.candidate_pool",
        [
            candidate(C1, "u1", "p2", als=1.0, popular=0.5),
            candidate(C1, "u1", "p3", popular=1.0),
            candidate(C2, "u1", "p1", owned=True, repeat=1.0),
            candidate(C2, "u1", "p2", popular=1.0),
            candidate(C2, "u1", "p3", popular=0.5, als=1.0),
            candidate(C2, "u2", "p2", popular=1.0),
            candidate(C2, "u2", "p3", popular=0.5),
        ],
    )
    vectors = {"p2": [1.0, 0.0], "p3": [0.0, 1.0]}
    warehouse.seed(
        "features.product_profile",
        [
            profile(C2, p, buyers=1 if p == "p2" else 0, vector=vectors.get(p, [1.0, 1.0]))
            for p in ("p1", "p2", "p3", "p7", "p9")
        ],
    )
    warehouse.seed("training.models", [fusion_model(C2, repeat=0.5, popular=0.2, als=0.3)])
    return warehouse


def measure(warehouse, folds=(C1, C2), **context):
    warehouse.run("evaluation.backtest", folds=folds, train_cutoff=D, **context)
    return figures(warehouse)


def figures(warehouse):
    rows = warehouse.collect("quality.metrics")
    return {(str(r["test_start"]), r["target"], r["list"], r["metric"], r["k"]): r for r in rows}


def values(found, target, metric, k=10, start=C2):
    return {
        key[2]: row["value"]
        for key, row in found.items()
        if key[1:2] + key[3:] == (target, metric, k) and key[0] == start
    }


def test_figures_of_one_window_are_those_worked_by_hand(shop):
    found = measure(shop)

    # NDCG, all: u1 has 2 targets. popular shows p2 p3: second. repeat p1, als p3: first. final p1 p3: both. u2: popular
    # and final first. u3 has no list and counts 0; the new user and the guest are left out.
    assert values(found, "all", "ndcg") == pytest.approx(
        {
            "popular": (SECOND / TWO + 1 + 0) / 3,
            "repeat": (1 / TWO) / 3,
            "als": (1 / TWO) / 3,
            "final": (1 + 1 + 0) / 3,
        }
    )
    # First: p1 is owned, so it leaves targets and lists. u1: popular p2 p3, als p3, final p3 p2.
    assert values(found, "first", "ndcg") == pytest.approx(
        {"popular": (SECOND + 1) / 3, "repeat": 0.0, "als": 1 / 3, "final": 2 / 3}
    )
    assert {row["users"] for key, row in found.items() if key[3] == "ndcg"} == {3}
    # By popular u1 finds 1 of 2 and u2 1 of 1.
    assert values(found, "all", "recall", 5)["popular"] == pytest.approx(1.5 / 3)
    assert values(found, "all", "hit_rate", 20)["popular"] == pytest.approx(2 / 3)
    assert values(found, "all", "map")["popular"] == pytest.approx(((1 / 2) / 2 + 1) / 3)

    against_popular = values(found, "all", "ndcg_minus_popular")
    assert against_popular["final"] == pytest.approx((1 - SECOND / TWO) / 3)
    assert against_popular["als"] == pytest.approx(((1 - SECOND) / TWO - 1) / 3)
    # als put u1's product first in the window before; in the window measured popular would have been the better choice.
    assert values(found, "all", "ndcg_minus_best") == pytest.approx({"final": ((1 - 1 / TWO) + 1) / 3})
    row = found[C2, "all", "final", "ndcg_minus_best", 10]
    assert row["low"] <= row["value"] <= row["high"]
    assert row["verdict"] == "not shown"  # three users show nothing

    # popular shows p2 and p3 twice each, of five products: Gini (2*4-6)*2 + (2*5-6)*2 = 12, over 5 * 4.
    assert values(found, "all", "coverage")["popular"] == pytest.approx(2 / 5)
    assert values(found, "all", "gini")["popular"] == pytest.approx(0.6)
    # Three users were known: p2 had 1 buyer, (1+1)/4 = 1 bit; p3 none, (0+1)/4 = 2 bits. The vectors are at right angles.
    assert values(found, "all", "novelty")["popular"] == pytest.approx(1.5)
    assert found[C2, "all", "popular", "novelty", 10]["users"] == 2
    assert values(found, "all", "diversity")["popular"] == pytest.approx(1.0)
    assert "als" not in values(found, "all", "diversity")  # one product has no pair


def test_several_windows_are_pooled_with_their_users_as_clusters(shop):
    c0 = "2020-01-02"
    shop.seed("features.user_history", [history(c0, "u1")])
    shop.seed("silver.events", [event("u1", "p3", "2020-01-05")])
    shop.seed("candidates.candidate_pool", [candidate(c0, "u1", "p3", popular=1.0)])
    shop.seed("training.models", [fusion_model(C1, popular=1.0)])
    shop.seed("features.product_profile", [profile(C1, p) for p in ("p2", "p3")])
    found = measure(shop, folds=(c0, C1, C2))
    rows = [r for r in shop.collect("quality.metrics") if str(r["test_start"]) == C1]
    ends = {
        str(r["test_end"]): r
        for r in rows
        if (r["target"], r["list"], r["metric"], r["k"]) == ("all", "final", "ndcg", 10)
    }
    # The window from C1 alone: popular shows p3, then p2. Pooled: with the three rows of the window from C2.
    assert ends[C2]["value"] == pytest.approx(SECOND)
    assert ends[D]["value"] == pytest.approx((SECOND + 2) / 4)
    assert ends[D]["users"] == 3  # u1 twice
    assert values(found, "all", "ndcg")["final"] == pytest.approx(2 / 3)
    best = next(r for r in rows if (r["metric"], str(r["test_end"]), r["target"]) == ("ndcg_minus_best", D, "all"))
    # Before C1 only popular had a list; before C2 popular has 1 + SECOND, als 0 + 1: popular is chosen for both.
    assert best["value"] == pytest.approx((0 + (1 - SECOND / TWO) + 0 + 0) / 4)


def test_an_event_after_the_window_or_known_after_it_is_no_target(shop):
    late = event("u2", "p3", "2020-01-30") | {"day": date(2020, 2, 1)}
    shop.seed("silver.events", [event("u2", "p3", "2020-02-01"), late])
    assert values(measure(shop), "all", "recall")["final"] == pytest.approx((1 + 1 + 0) / 3)
    shop.seed("silver.events", [event("u2", "p9", "2020-01-31")])
    assert values(measure(shop), "all", "recall")["final"] == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_order_of_rows_does_not_show_and_a_rerun_replaces_its_rows(shop, spark):
    before = measure(shop)
    count = shop.read("quality.metrics").count()
    pool = shop.collect("candidates.candidate_pool")
    path = f"{shop.conf.env.warehouse}/candidates/candidate_pool"
    spark.createDataFrame(pool[::-1], shop.read("candidates.candidate_pool").schema).repartition(5).write.format(
        "delta"
    ).mode("overwrite").save(path)
    assert measure(shop) == before
    assert shop.read("quality.metrics").count() == count


def test_a_window_without_weights_stops_with_the_fix(shop):
    with pytest.raises(OperatorError, match="no weights of tiny for the window from 2020-01-12"):
        measure(shop, folds=("2020-01-02", C1, C2))


def test_windows_in_which_nobody_took_anything_leave_a_row_without_a_value(make_warehouse):
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    warehouse.seed("training.models", [fusion_model(C2, popular=1.0)])
    found = measure(warehouse)
    assert found[C2, "all", "final", "ndcg", 10]["value"] is None
    assert found[C2, "all", "final", "ndcg", 10]["users"] == 0


def test_without_folds_nothing_is_measured(shop):
    shop.run("evaluation.backtest")
    assert shop.read("quality.metrics").count() == 0

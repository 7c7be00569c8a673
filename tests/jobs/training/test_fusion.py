from __future__ import annotations

import json
from datetime import date

import pytest

from jobs.training import fusion
from libs.tables import SOURCES
from tests.builders import event
from tests.jobs.evaluation.rows import candidate, history

C1, C2, D = "2020-01-12", "2020-01-22", "2020-02-01"
USERS = [f"u{i}" for i in range(12)]


def seed(warehouse, reverse=False):
    """als names what 8 users take in [C1, C2), popular what 12 take in [C2, D): the two folds contradict."""
    pool, taken, known = [], [], []
    for cutoff, users, product, day in ((C1, USERS[:8], "a", "2020-01-15"), (C2, USERS, "p", "2020-01-25")):
        for user in users:
            pool += [candidate(cutoff, user, "a", als=1.0), candidate(cutoff, user, "p", popular=1.0)]
            taken.append(event(user, product, day))
            known.append(history(cutoff, user))
    # A user who owns p and takes it again.
    pool += [candidate(C1, "owner", "p", owned=True, repeat=1.0), candidate(C1, "owner", "q", popular=1.0)]
    known.append(history(C1, "owner", "p"))
    taken += [event("owner", "p", "2020-01-14"), event("new", "p", "2020-01-14")]
    order = -1 if reverse else 1
    for name, rows in (("candidates.candidate_pool", pool), ("features.user_history", known), ("silver.events", taken)):
        for part in (rows[::order][:5], rows[::order][5:]):
            warehouse.seed(name, part)


def fit(warehouse):
    """The fitted JSON by purpose."""
    warehouse.run("training.fusion", folds=(C1, C2), train_cutoff=D)
    rows = warehouse.read("training.models").where("model = 'fusion'").collect()
    assert {(r["purpose"], str(r["train_cutoff"])) for r in rows} == {("backtest", C2), ("record", D)}
    return {row["purpose"]: json.loads(row["fitted"]) for row in rows}


def weight(fitted, target, source):
    return fitted[target]["weights"][fitted[target]["sources"].index(source)]


def fitted_on_all(warehouse, max_users=5000):
    """The weights of all windows, whatever the test of the last one says of fusing."""
    ctx = warehouse.context("training.fusion", folds=(C1, C2), train_cutoff=D)
    return fusion.fit(fusion.examples(ctx), ctx.run.folds, fusion.Params(), max_users)


@pytest.fixture
def shop(make_warehouse):
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    seed(warehouse)
    return warehouse


def test_weights_of_a_window_are_fitted_on_the_windows_before_it_and_the_published_ones_on_all(shop):
    before = fit(shop)
    assert tuple(before["backtest"]["all"]["sources"]) == tuple(SOURCES)
    # By C2 only als was ever right; by D popular was right more often.
    assert weight(before["backtest"], "first", "als") == 1
    every = fitted_on_all(shop)
    assert weight(every, "first", "popular") > weight(every, "first", "als") > 0
    # Owned products leave the target `first`, and repeat with them: it can win nothing there.
    assert weight(before["backtest"], "all", "repeat") > 0
    assert weight(before["backtest"], "first", "repeat") == 0
    assert [before["backtest"][t]["users"] for t in ("all", "first")] == [9, 8]  # the owner; the new user never
    assert [before["record"][t]["users"] for t in ("all", "first")] == [21, 20]

    # Events of the window that C2 is measured on, and one of an earlier day that was known only then.
    late = event("u1", "p", "2020-01-18", row_id="late") | {"day": date(2020, 1, 22)}
    shop.seed("silver.events", [*[event(u, "a", "2020-01-26") for u in USERS], late])
    planted = fit(shop)
    assert planted["backtest"] == before["backtest"]
    assert planted["record"] != before["record"]

    # The same kind of event in the fitting window does change them: the check above can fail.
    shop.seed("silver.events", [event(u, "p", "2020-01-18") for u in USERS[:8]])
    assert fit(shop)["backtest"] != before["backtest"]


def test_lists_below_popular_fall_back_to_the_source_that_was_best_before_they_were_tested(shop):
    """In [C2, D) the fused lists show only a, by als, and popular shows p, which all 12 users take."""
    before = fit(shop)
    for target in ("all", "first"):
        assert before["record"][target]["fallback"] == "als"  # not popular: that would be by the tested window
        assert weight(before["record"], target, "als") == 1
        assert before["record"][target]["tested"] == {"fused": 0.0, "popular": 1.0}
    assert "fallback" not in before["backtest"]["all"]
    # All take a too: the lists are as good as popular's, and all sources stay.
    shop.seed("silver.events", [event(u, "a", "2020-01-26") for u in USERS])
    after = fit(shop)["record"]["first"]
    assert "fallback" not in after and max(after["weights"]) < 1


def test_order_of_rows_does_not_show_and_a_rerun_replaces_its_rows(shop, make_warehouse):
    other = make_warehouse(name="other", evaluation={"horizon_days": 10, "windows": 1})
    seed(other, reverse=True)
    once = fit(shop)
    assert fit(shop) == once
    assert fit(other) == once


def test_the_users_of_a_fit_are_bounded_and_every_fold_gives_its_share(make_warehouse):
    shop = make_warehouse(evaluation={"horizon_days": 10, "windows": 1, "max_users": 6})
    seed(shop)
    found = fit(shop)
    assert [found[purpose]["all"]["users"] for purpose in ("backtest", "record")] == [6, 6]
    # Three users of each fold: als was right for one half, popular for the other, and neither is shut out.
    assert min(weight(fitted_on_all(shop, 6), "all", s) for s in ("als", "popular")) > 0


def test_a_shop_too_young_for_a_hit_gets_the_declared_weights(make_warehouse):
    warehouse = make_warehouse(evaluation={"horizon_days": 10, "windows": 1})
    warehouse.params["training.fusion"] = {"prior": {"popular": 1.0, "als": 3.0}}
    found = fit(warehouse)
    for purpose in ("backtest", "record"):
        for target in ("all", "first"):
            assert (weight(found[purpose], target, "popular"), weight(found[purpose], target, "als")) == (0.25, 0.75)
            assert sum(found[purpose][target]["weights"]) == 1.0

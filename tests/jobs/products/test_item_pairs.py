"""Pairs of a shop of four users, counted by hand."""

from __future__ import annotations

import random
from datetime import date

import pytest

from jobs.products import item_pairs
from tests.builders import event

D = date(2020, 2, 1)


def step(number: int, day: str, *products: str) -> list[dict[str, object]]:
    return [
        {"step": number, "event_day": date.fromisoformat(day), "product_id": p, "kind": "purchase", "quantity": 1}
        for p in products
    ]


def history(user: str, *steps: list[dict[str, object]], cutoff: date = D) -> dict[str, object]:
    """A row of features.user_history."""
    events = [
        (e["step"], e["event_day"], e["product_id"], e["kind"], e["quantity"], None, None, 1)
        for one in steps
        for e in one
    ]
    owned = sorted({e[2] for e in events})
    return {"cutoff": cutoff, "user_id": user, "events": events, "owned": owned, "disliked": []}


HISTORIES = [
    history("u1", step(1, "2020-01-01", "a"), step(2, "2020-01-02", "b"), step(3, "2020-01-03", "c")),
    history("u2", step(1, "2020-01-01", "a"), step(2, "2020-01-02", "b")),
    history("u3", step(1, "2020-01-05", "b", "c")),
    history("u4", step(1, "2020-01-05", "d")),
]
EVENTS = [
    event("u1", "a", "2020-01-01"), event("u1", "b", "2020-01-02"), event("u1", "c", "2020-01-03"),
    event("u2", "a", "2020-01-01"), event("u2", "b", "2020-01-02"),
    event("u3", "b", "2020-01-05"), event("u3", "c", "2020-01-05"),
    event("u4", "d", "2020-01-05"),
    event(None, "b", "2020-01-06", basket_id="guest", row_id="g1"),
    event(None, "c", "2020-01-06", basket_id="guest", row_id="g2"),
]  # fmt: skip
COLUMNS = ("kind", "anchor", "product_id", "weight", "support", "people", "lift")


def pairs(warehouse, histories=HISTORIES, events=EVENTS, **context):
    warehouse.seed("features.user_history", histories)
    warehouse.seed_events(events, "products.basket_days")
    warehouse.run("products.item_pairs", **context)
    return {row[:3]: row[3:] for row in warehouse.rows("features.item_pairs", *COLUMNS)}


def test_pairs_of_a_small_shop(warehouse):
    found = pairs(warehouse)

    # Users with a: 2, b: 3, c: 2 of 4. Raw a->b = 1 + 1, b->c = 1, a->c = .7; back .3 times that.
    def over(raw, one, other):
        return pytest.approx(raw / (one * other) ** 0.25)

    assert found["transition", "a", "b"] == (over(2, 2, 3), 2, 2, pytest.approx(2 * 4 / (2 * 3)))
    assert found["transition", "b", "a"] == (over(0.6, 3, 2), 0, 0, 0)
    assert found["transition", "b", "c"] == (over(1, 3, 2), 1, 1, pytest.approx(1 * 4 / (3 * 2)))
    assert found["transition", "a", "c"] == (over(0.7, 2, 2), 1, 1, pytest.approx(1 * 4 / (2 * 2)))
    assert found["transition", "c", "a"] == (over(0.21, 2, 2), 0, 0, 0)
    # Baskets: u1's three, u2's two, u3's {b, c}, u4's, the guest's {b, c}: 8; b in 4 of them, c in 3.
    # Together b, c: 2 baskets, one of them of a known user; powers .5 of the anchor, .25 of the product.
    lift = pytest.approx(2 * 8 / (4 * 3))
    assert found["together", "b", "c"] == (pytest.approx(2 / (4**0.5 * 3**0.25)), 2, 1, lift)
    assert found["together", "c", "b"] == (pytest.approx(2 / (3**0.5 * 4**0.25)), 2, 1, lift)
    assert len(found) == 6 + 2


def test_any_order_and_partitioning_of_input_gives_the_same_bits(make_warehouse, spark, tmp_path):
    first = pairs(make_warehouse())
    shuffled = random.Random(3)
    other = type(make_warehouse())(spark, tmp_path / "other")
    histories, events = HISTORIES[:], EVENTS[:]
    shuffled.shuffle(histories)
    shuffled.shuffle(events)
    for one in histories:
        other.seed("features.user_history", [one])
    assert pairs(other, [], events) == first


def test_more_tasks_where_there_are_more_pairs_give_the_same_bits(make_warehouse, spark, tmp_path, monkeypatch):
    first, other = make_warehouse(), type(make_warehouse())(spark, tmp_path / "other")
    once = pairs(first)
    asked, frame = [], type(spark.range(1))
    repartition = frame.repartition
    monkeypatch.setattr(frame, "repartition", lambda *a: asked.append(a[1]) or repartition(*a))
    monkeypatch.setattr(item_pairs, "PER_TASK", 2)
    assert pairs(other) == once
    # Products that a user has, squared: 9 + 4 + 4 + 1; a basket: u3's and the guest's of 2 each, six of 1.
    assert (18 + 4 + 4 + 6) // 2 in asked


def test_what_happens_from_the_cutoff_on_changes_nothing(make_warehouse, spark, tmp_path):
    first = pairs(make_warehouse())
    later = [event(u, p, "2020-02-01", row_id=f"late-{u}{p}", basket_id="late") for u in ("u3", "u4") for p in "abd"]
    other = type(make_warehouse())(spark, tmp_path / "other")
    assert pairs(other, HISTORIES, EVENTS + later) == first


def test_each_anchor_keeps_its_heaviest_pairs_ties_by_product(warehouse):
    # a -> {b, c, d} in one step, all once: equal weights, so the first two by name stay.
    rows = [history("u1", step(1, "2020-01-01", "a"), step(2, "2020-01-02", "b", "c", "d"))]
    warehouse.params["products.item_pairs"] = {"kept": 2}
    found = pairs(warehouse, rows, [])
    assert sorted(key[2] for key in found if key[:2] == ("transition", "a")) == ["b", "c"]


def test_a_large_basket_is_cut_to_a_bound(warehouse):
    crowd = [event("bot", f"p{n}", "2020-01-01", basket_id="big") for n in range(12)]
    warehouse.params["products.item_pairs"] = {"most_in_basket": 5}
    found = pairs(warehouse, [], crowd)
    assert len(found) == 5 * 4


def test_cutoffs_are_counted_apart_and_a_half_life_ages_pairs(warehouse):
    early = date(2020, 1, 17)
    rows = [history("u", step(1, "2020-01-01", "a"), step(2, "2020-01-03", "b"), cutoff=c) for c in (early, D)]
    warehouse.params["products.item_pairs"] = {"half_life_days": 14.0, "popularity_power": 0.0}
    warehouse.seed("features.user_history", rows)
    warehouse.run("products.item_pairs", folds=("2020-01-17",))
    found = {r[:3]: r[3] for r in warehouse.rows("features.item_pairs", "cutoff", "anchor", "product_id", "weight")}
    # b is 14 and 29 days old: .5 and 2^(-29/14) = .2379 in whole ten-thousandths; a, 2 days older, for the way back.
    assert found[early, "a", "b"] == 0.5 and found[D, "a", "b"] == 0.2379
    assert found[early, "b", "a"] == pytest.approx(0.3 * 0.4529) and found[D, "b", "a"] == pytest.approx(0.3 * 0.2155)


def test_a_training_day_that_serves_nobody_has_no_pairs(warehouse):
    early = date(2020, 1, 20)
    rows = [history("u", step(1, "2020-01-01", "a"), step(2, "2020-01-03", "b"), cutoff=c) for c in (early, D)]
    warehouse.seed("features.user_history", rows)
    warehouse.run("products.item_pairs", cutoffs=("2020-01-20", "2020-02-01"), train_cutoff="2020-01-20")
    assert {row[0] for row in warehouse.rows("features.item_pairs", "cutoff")} == {D}


def test_what_a_user_dislikes_or_only_reviewed_is_in_no_pair_of_that_user(warehouse):
    """In a shop that sells: u dislikes b, w bought a and only reviewed b."""
    rows = [history(user, step(1, "2020-01-01", "a", "c"), step(2, "2020-01-02", "b")) for user in "uvw"]
    rows[0]["events"][2] = (*rows[0]["events"][2][:7], -1)
    rows[2]["events"][2] = (*rows[2]["events"][2][:3], "review", *rows[2]["events"][2][4:])
    bought = [event(u, p, "2020-01-01", basket_id=f"{u}1") for u in "uvw" for p in "abc" if (u, p) != ("w", "b")]
    found = pairs(warehouse, rows, bought)
    assert found["transition", "a", "b"][1:3] == (1, 1)  # of v alone
    assert found["together", "a", "b"][1:3] == (1, 0)
    assert found["together", "a", "c"][1:3] == (3, 3)

from __future__ import annotations

import numpy as np
import pytest

from jobs.candidates.repeat import Params, own_scores
from tests.builders import event
from tests.jobs.candidates.rows import history, lists

EVEN = Params(half_life_days=1e9, popularity_power=0.0, rhythm_power=1.0)


def test_a_product_counts_by_days_and_less_while_it_is_not_due():
    # Product 0 every 28 days, last 7 days ago; product 1 once, 63 days ago. Days of taking: 7, 35, 63: median gap 28.
    # 0: three days; usual gap (63 - 7 + 28) / 3 = 28; due (7 + 14) / 28 = .75; 3 * .75 = 2.25.
    # 1: one day; usual gap 28 / 1; due (63 + 14) / 28 > 1, so 1.
    items, scores = own_scores(np.array([1, 0, 0, 0]), np.array([63, 63, 35, 7]), np.ones(2), EVEN, 28)
    assert items.tolist() == [0, 1] and scores.tolist() == pytest.approx([2.25, 1.0])


def test_twice_on_one_day_is_once_and_one_day_alone_has_no_rhythm():
    items, scores = own_scores(np.array([0, 0, 1]), np.array([5, 5, 5]), np.ones(2), EVEN, 28)
    assert items.tolist() == [0, 1] and scores.tolist() == pytest.approx([1.0, 1.0])


def test_own_events_age_and_what_all_take_of_late_helps():
    # Ages 0 and 100 at half-life 100: 1 + .5; 16 points to the power .25 are 2.
    _, scores = own_scores(np.array([0, 0]), np.array([0, 100]), np.array([16.0]), Params(100, 14, 0.25, 0.0), 28)
    assert scores.tolist() == pytest.approx([3.0])


def test_lists_hold_own_products_each_carried_by_itself(warehouse):
    # Popularity: a has 2 buyers a day ago, b 1, so a comes first for u; ties by name for v (c and d, never sold else).
    warehouse.params["candidates.repeat"] = {"popularity_power": 1.0}
    warehouse.seed("features.user_history", [history("u", ("2020-01-31", "b a")), history("v", ("2020-01-30", "d c"))])
    warehouse.seed_events([event("u", "a", "2020-01-31"), event("w", "a", "2020-01-31"),
                                     event("u", "b", "2020-01-31"), event("v", "d", "2020-01-30"),
                                     event("v", "c", "2020-01-30")])  # fmt: skip
    found = lists(warehouse, "repeat")
    assert [row[:3] for row in found] == [("u", 1, "a"), ("u", 2, "b"), ("v", 1, "c"), ("v", 2, "d")]
    assert found[1][4] == pytest.approx(0.5)
    assert [row[5] for row in found] == [{"a": 1.0}, {"b": 1.0}, {"c": 1.0}, {"d": 1.0}]


def test_a_shop_where_nothing_comes_back_has_no_such_lists(make_warehouse):
    warehouse = make_warehouse(repurchasable=False)
    warehouse.seed("features.user_history", [history("u", ("2020-01-31", "a"))])
    warehouse.seed_events([event("u", "a", "2020-01-31")])
    assert lists(warehouse, "repeat") == []

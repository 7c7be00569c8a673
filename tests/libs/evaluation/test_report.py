from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.evaluation.beyond_accuracy import intra_list_diversity, novelty
from libs.evaluation.intervals import mean_interval
from libs.evaluation.report import best_source, fold, make_catalogue, mean_intervals, metric_rows

DAY = date(2020, 1, 1)


def users(**targets):
    rows = [{"cutoff": DAY, "user_id": u, "n_all": n, "n_first": n} for u, n in targets.items()]
    return pd.DataFrame(rows)


def lists(*rows):
    columns = ["cutoff", "user_id", "target", "list", "products", "hits"]
    return pd.DataFrame([(DAY, user, "all", name, shown, hits) for user, name, shown, hits in rows], columns=columns)


def profiles(**products):
    rows = [
        {"cutoff": DAY, "product_id": p, "buyers": 0, "n_users": 7, "categories": [], "vector": None} | other
        for p, other in products.items()
    ]
    return pd.DataFrame(rows)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1)), min_size=1, max_size=40))
def test_each_column_has_the_interval_that_it_would_have_alone(rows):
    clusters = np.array([user for user, _ in rows], dtype=object)
    column = np.array([value for _, value in rows])
    alone = mean_interval(column, clusters)
    together = mean_intervals(np.column_stack([np.ones(len(rows)), column]), clusters)[1]
    assert (together.mean, together.low, together.high) == pytest.approx((alone.mean, alone.low, alone.high))
    assert together.n_users == alone.n_users


def test_a_row_without_a_value_leaves_its_own_column_only():
    values = np.array([[1.0, np.nan, np.nan], [0.0, 0.5, np.nan]])
    first, second, none = mean_intervals(values, np.array(["a", "b"], dtype=object))
    assert (first.mean, first.n_users) == (0.5, 2)
    assert (second.mean, second.low, second.high, second.n_users) == (0.5, 0.5, 0.5, 1)
    assert none.n_users == 0


def test_pooled_windows_draw_a_user_whole():
    # One user measured 50 times is one user: the interval cannot be narrower than that of two users.
    clusters = np.array(["a"] * 50 + ["b"], dtype=object)
    (interval,) = mean_intervals(np.array([[1.0]] * 50 + [[0.0]]), clusters)
    assert (interval.low, interval.high, interval.n_users) == (0.0, 1.0, 2)


def test_novelty_and_diversity_of_lists_equal_those_of_each_list_alone():
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    known = profiles(**{f"p{i}": {"buyers": i, "vector": vectors[i].tolist()} for i in range(5)})
    shown = (("a", "x", ["p4", "p0", "p2"], []), ("b", "x", ["p3", "p1"], []), ("c", "x", ["p1"], []))
    catalogue = make_catalogue(known, [])
    found = fold(users(a=1, b=1, c=1, d=1), lists(*shown), DAY, "all", ["x"], catalogue).values["x"]
    shares = [(i + 1) / 8 for i in range(5)]
    expected = [novelty([shares[int(p[1])] for p in row[2]]) for row in shown]
    np.testing.assert_allclose(found["novelty", 10], [*expected, np.nan])
    expected = [float(intra_list_diversity(vectors[[int(p[1]) for p in row[2]]])) for row in shown[:2]]
    np.testing.assert_allclose(found["diversity", 10], [*expected, np.nan, np.nan], rtol=1e-6)


def test_without_vectors_diversity_is_by_category():
    # Jaccard distances of the ten pairs: 1/2 of p0 and p1, 0 of the two without a category, 1 of the other eight.
    sets = {"p0": ["rock", "vinyl"], "p1": ["rock"], "p2": ["jazz"], "p3": [], "p4": []}
    catalogue = make_catalogue(profiles(**{p: {"categories": c} for p, c in sets.items()}), [])
    found = fold(users(a=1), lists(("a", "x", list(sets), [])), DAY, "all", ["x"], catalogue)
    assert found.values["x"]["diversity", 10][0] == pytest.approx(0.85)


def test_a_shown_product_that_no_profile_has_counts_as_one_that_nobody_had():
    catalogue = make_catalogue(profiles(p={"buyers": 7}), ["strange"])
    found = fold(users(a=1), lists(("a", "x", ["p", "strange"], [])), DAY, "all", ["x"], catalogue)
    # (7+1)/8 is 0 bits, (0+1)/8 is 3 bits.
    assert found.values["x"]["novelty", 10].tolist() == [1.5]
    rows = {r["metric"]: r for r in metric_rows([found], ["x"], catalogue=catalogue)}
    assert rows["coverage"]["value"] == 1.0
    assert rows["coverage"]["low"] is None


def test_six_users_of_one_sign_show_a_difference_and_five_do_not():
    six = [f"u{i}" for i in range(6)]
    for n, word in ((6, "better"), (5, "not shown")):
        shown = lists(*[(u, "final", ["p"], [1]) for u in six[:n]], *[(u, "popular", ["q", "p"], [2]) for u in six[:n]])
        one = fold(users(**dict.fromkeys(six[:n], 1)), shown, DAY, "all", ["popular", "final"])
        rows = metric_rows([one], ["popular", "final"], "final", ["popular"])
        assert {r["metric"]: r["verdict"] for r in rows if r["verdict"]} == {
            "ndcg_minus_popular": word,
            "ndcg_minus_best": word,
        }


def test_the_best_source_is_the_first_of_equals_and_popular_without_users():
    shown = lists(("a", "als", ["p"], [1]), ("b", "repeat", ["p"], [1]))
    one = fold(users(a=1, b=1), shown, DAY, "all", ["repeat", "als"])
    assert best_source([one], ["repeat", "als"]) == "repeat"
    assert best_source([one], ["als", "repeat"]) == "als"
    empty = fold(users(a=0), shown, DAY, "all", ["als"])
    assert best_source([empty], ["als"]) == "popular"

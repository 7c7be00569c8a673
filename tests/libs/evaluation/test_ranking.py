"""Ranking metrics against hand-worked lists and against each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.evaluation import ranking

KS = (1, 3, 10)


def test_hits_are_the_ranks_of_the_targets_and_a_repeated_product_counts_once():
    assert ranking.hit_ranks(["a", "b", "a", "c"], ["c", "a", "a", "z"]).tolist() == [1, 4]
    assert ranking.hit_ranks([], ["a"]).tolist() == []


def test_hand_worked_user():
    # Hits at ranks 2 and 4 of 3 targets, k = 3: only rank 2 counts.
    assert ranking.hit_rate([2, 4], 3, 3) == 1
    assert ranking.recall([2, 4], 3, 3) == pytest.approx(1 / 3)
    assert ranking.average_precision([2, 4], 3, 3) == pytest.approx((1 / 2) / 3)
    assert ranking.mrr([2, 4], 3, 3) == 1 / 2
    # DCG = 1/log2(3) = .63093; ideal of 3 = 1 + .63093 + .5 = 2.13093
    assert ranking.ndcg([2, 4], 3, 3) == pytest.approx(0.63093 / 2.13093, abs=1e-5)
    # k = 10: DCG = 1/log2(3) + 1/log2(5); AP = (1/2 + 2/4) / 3
    assert ranking.ndcg([2, 4], 3, 10) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / 2.13093, abs=1e-5)
    assert ranking.average_precision([2, 4], 3, 10) == pytest.approx(1 / 3)


def test_more_targets_than_places_can_still_reach_one():
    assert ranking.ndcg([1, 2], 50, 2) == pytest.approx(1)
    assert ranking.average_precision([1, 2], 50, 2) == pytest.approx(1)
    assert ranking.recall([1, 2], 50, 2) == 2 / 50


@st.composite
def batches(draw):
    users = draw(st.lists(st.tuples(st.sets(st.integers(1, 40), max_size=8), st.integers(0, 5)), max_size=6))
    ranks = [sorted(found) for found, _ in users]
    return ranks, [max(1, len(found) + missed) for found, missed in users]


@given(batches())
def test_batch_equals_the_definition_of_one_user(batch):
    ranks, n_targets = batch
    values = ranking.user_metrics(ranks, n_targets, KS)
    one = {name: getattr(ranking, {"map": "average_precision"}.get(name, name)) for name in ranking.NAMES}
    assert set(values) == {f"{name}@{k}" for name in ranking.NAMES for k in KS}
    for k in KS:
        for name, function in one.items():
            expected = [function(r, n, k) for r, n in zip(ranks, n_targets, strict=True)]
            np.testing.assert_allclose(values[f"{name}@{k}"], expected, atol=1e-12)


@given(batches(), st.data())
def test_moving_a_hit_up_never_lowers_a_metric_and_all_stay_in_0_to_1(batch, data):
    ranks, n_targets = batch
    users = [u for u, r in enumerate(ranks) if r and r[0] > 1]
    before = ranking.user_metrics(ranks, n_targets, KS)
    assert all(((v >= 0) & (v <= 1 + 1e-12)).all() for v in before.values())
    if not users:
        return
    moved = [list(r) for r in ranks]
    user = data.draw(st.sampled_from(users))
    moved[user][0] -= 1
    after = ranking.user_metrics(moved, n_targets, KS)
    assert all((after[name] >= before[name]).all() for name in before)


@pytest.mark.parametrize(
    ("ranks", "n_targets", "ks"),
    [
        ([[1]], [0], (5,)),  # no target
        ([[1, 2]], [1], (5,)),  # more hits than targets
        ([[0]], [1], (5,)),  # ranks are 1-based
        ([[2, 2]], [3], (5,)),  # a repeat
        ([[3, 2]], [3], (5,)),  # not ascending
        ([[1]], [1, 1], (5,)),  # lengths differ
        ([[1]], [1], (0,)),  # no cut-off
    ],
)
def test_impossible_hits_are_refused(ranks, n_targets, ks):
    with pytest.raises(ValueError):
        ranking.user_metrics(ranks, n_targets, ks)


def test_next_user_may_start_at_a_smaller_rank():
    assert ranking.user_metrics([[5], [1]], [1, 1], (5,))["mrr@5"].tolist() == [0.2, 1.0]


def test_one_user_form_refuses_what_the_batch_refuses():
    for ranks, n_targets, k in (([1], 0, 5), ([1, 2], 1, 5), ([0], 1, 5), ([2, 1], 2, 5), ([1], 1, 0)):
        with pytest.raises(ValueError):
            ranking.ndcg(ranks, n_targets, k)

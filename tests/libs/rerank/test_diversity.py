"""Greedy MMR by hand, its identity and its cap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.rerank.diversity import UNKNOWN, rerank


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 15), st.data())
def test_trade_off_0_leaves_a_sorted_list_as_it_is(scores, k, data):
    scores = sorted(scores, reverse=True)  # with ties
    codes = data.draw(st.lists(st.integers(-1, 2), min_size=len(scores), max_size=len(scores)))
    assert rerank(scores, codes, None, k, 0.0).tolist() == list(range(min(k, len(scores))))


def test_hand_worked_mmr_by_vectors():
    # Relevance (3,2,2,1 scaled) = 1, .5, .5, 0. First: 0. Then 0.6 rel - 0.4 sim to 0:
    # 1: .3 - .4 * 1 = -.1; 2: .3 - .4 * .6 = .06; 3: 0 - 0 = 0 -> 2.
    # Then greatest sim to {0, 2}: 1: .3 - .4 = -.1; 3: 0 - .4 * .8 = -.32 -> 1, then 3.
    vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    assert rerank([3, 2, 2, 1], [0, 0, 0, 0], vectors, 4, 0.4).tolist() == [0, 2, 1, 3]


def test_products_without_a_category_are_like_no_other():
    assert rerank([3, 2.9, 2.8], [UNKNOWN, UNKNOWN, UNKNOWN], None, 3, 0.9).tolist() == [0, 1, 2]


def test_opposite_vectors_earn_nothing_over_unrelated_ones():
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert rerank([1.0, 1.0, 1.0], [0, 1, 2], vectors, 3, 1.0).tolist() == [0, 1, 2]


def test_cap_holds_back_a_category_until_nothing_else_is_left():
    codes = [4, 4, 4, 5, UNKNOWN, UNKNOWN]
    assert rerank([6, 5, 4, 3, 2, 1], codes, None, 4, 0.0, max_per_category=1).tolist() == [0, 3, 4, 5]
    assert rerank([6, 5, 4, 3, 2, 1], codes, None, 6, 0.0, max_per_category=1).tolist() == [0, 3, 4, 5, 1, 2]
    assert rerank([6, 5, 4, 3, 2, 1], codes, None, 6, 0.0, max_per_category=2).tolist() == [0, 1, 3, 4, 5, 2]


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.integers(-1, 3)), min_size=1, max_size=10),
    st.floats(0, 1),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_always_a_permutation_of_the_candidates(rows, trade_off, cap):
    scores, codes = zip(*rows, strict=True)
    order = rerank(scores, codes, None, len(rows), trade_off, cap)
    assert sorted(order.tolist()) == list(range(len(rows)))


@pytest.mark.parametrize(
    "arguments",
    [
        ([1.0], [1, 2], None, 1, 0.5),
        ([1.0], [1], np.ones((2, 3)), 1, 0.5),
        ([np.nan], [1], None, 1, 0.5),
        ([1.0], [1], None, 0, 0.5),
        ([1.0], [1], None, 1, 1.5),
        ([1.0], [1], None, 1, 0.5, 0),
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError):
        rerank(*arguments)

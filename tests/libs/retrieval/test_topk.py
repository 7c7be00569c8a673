"""Exact top-K against a full sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from libs.retrieval.topk import MISSING, top_k


def by_full_sort(users, items, k):
    """Lists of (item, score) by score descending, then item ascending."""
    return [sorted(enumerate(row), key=lambda pair: (-pair[1], pair[0]))[:k] for row in users @ items.T]


@st.composite
def problems(draw):
    n_users, n_items, d = draw(st.integers(0, 7)), draw(st.integers(0, 23)), draw(st.integers(1, 3))
    small = st.integers(-2, 2)  # many ties, and sums that any order of addition gives exactly
    users = draw(arrays(np.float32, (n_users, d), elements=small))
    items = draw(arrays(np.float32, (n_items, d), elements=small))
    block = (draw(st.integers(1, 8)), draw(st.integers(1, 25)))
    return users, items, draw(st.integers(1, 26)), block


@given(problems())
def test_equals_a_full_sort_whatever_the_blocks(problem):
    users, items, k, block = problem
    indices, scores = top_k(users, items, k, block)
    assert indices.shape == scores.shape == (len(users), k)
    for index, score, expected in zip(indices, scores, by_full_sort(users, items, k), strict=True):
        n = len(expected)
        assert index[:n].tolist() == [i for i, _ in expected]
        assert score[:n].tolist() == [s for _, s in expected]
        assert (index[n:] == MISSING).all()
        assert (score[n:] == -np.inf).all()


def test_ties_go_to_the_smaller_index_across_blocks():
    users, items = np.ones((2, 1), np.float32), np.ones((50, 1), np.float32)
    indices, _ = top_k(users, items, 5, block=(1, 4))
    assert indices.tolist() == [[0, 1, 2, 3, 4]] * 2


def test_best_items_last_are_all_found():
    # Ascending scores: every item of every block passes the threshold.
    items = np.arange(1000, dtype=np.float64)[:, None]
    indices, scores = top_k(np.ones((1, 1)), items, 3, block=(1, 10))
    assert indices.tolist() == [[999, 998, 997]]
    assert scores.dtype == np.float64


@pytest.mark.parametrize("block", [(1, 700), (16, 100), (256, 1024)])
def test_bits_of_a_float32_score_do_not_depend_on_who_shares_the_block(block):
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=(83, 64)).astype(np.float32), rng.normal(size=(700, 64)).astype(np.float32)
    indices, scores = top_k(users, items, 20)
    shuffled = rng.permutation(83)[:50]
    others = top_k(users[shuffled], items, 20, block=block)
    assert np.array_equal(others[0], indices[shuffled])
    assert np.array_equal(others[1], scores[shuffled])


def test_equal_products_tie_wherever_they_stand():
    rng = np.random.default_rng(0)
    users, one = rng.normal(size=(40, 64)).astype(np.float32), rng.normal(size=64).astype(np.float32)
    indices, _ = top_k(users, np.tile(one, (300, 1)), 10)
    assert (indices == np.arange(10)).all()


def test_large_random_problem_equals_argsort():
    rng = np.random.default_rng(1)
    users, items = rng.normal(size=(300, 16)), rng.normal(size=(2500, 16))
    indices, _ = top_k(users, items, 50, block=(64, 512))
    assert np.array_equal(indices, np.argsort(-(users @ items.T), axis=1)[:, :50])


def test_inputs_are_left_as_they_were():
    users, items = np.ones((16, 2), np.float32), np.ones((16, 2), np.float32)
    top_k(users, items, 2)
    assert (users == 1).all()
    assert (items == 1).all()


ONE = np.ones((1, 2), np.float32)


@pytest.mark.parametrize(
    "arguments",
    [
        (ONE, np.ones((1, 3), np.float32), 1),
        (ONE, np.ones((1, 2)), 1),  # types differ
        (ONE.astype(int), ONE.astype(int), 1),
        (ONE * np.nan, ONE, 1),
        (ONE, ONE, 0),
        (ONE, ONE, 1, (0, 5)),
    ],
)
def test_inputs_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError):
        top_k(*arguments)

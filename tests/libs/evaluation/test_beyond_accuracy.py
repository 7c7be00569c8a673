"""Coverage, Gini, novelty and diversity by hand and by their direct formulas."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from libs.evaluation.beyond_accuracy import coverage, excess_gini, gini, intra_list_diversity, novelty


def test_coverage_counts_distinct_products_over_the_whole_catalogue():
    assert coverage(iter("aabbc"), 12) == 0.25
    assert coverage([], 5) == 0
    with pytest.raises(ValueError, match="3 products exposed from a catalogue of 2"):
        coverage("abc", 2)


def test_gini_by_hand():
    # x = 1, 2, 5: (2-4)*1 + (4-4)*2 + (6-4)*5 = 8, over 3 * 8 = 24
    assert gini([5, 1, 2], 3) == pytest.approx(1 / 3)
    # One of 100 products takes all: (n - 1) / n
    assert gini([40], 100) == pytest.approx(0.99)
    assert np.isnan(gini([], 10))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), st.integers(0, 10))
def test_gini_is_the_mean_absolute_difference_over_twice_the_mean_zeros_included(counts, unseen):
    every = np.array(counts + [0] * unseen)
    expected = np.abs(every[:, None] - every).mean() / (2 * every.mean())
    assert gini(counts, every.size) == pytest.approx(expected)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 8))
def test_excess_gini_is_from_0_to_1_and_0_where_rows_are_spread_as_evenly_as_they_can_be(counts, unseen):
    n = len(counts) + unseen
    assert -1e-9 <= excess_gini(counts, n) <= 1
    each, more = divmod(sum(counts), n)
    even = [each + (i < more) for i in range(n)]
    assert excess_gini(even, n) == pytest.approx(0)
    assert gini(even, n) <= gini(counts, n) + 1e-9


def test_gini_refuses_counts_that_cannot_be():
    for counts, n in (([1, 2], 1), ([-1], 3)):
        with pytest.raises(ValueError):
            gini(counts, n)


def test_novelty_is_bits_of_surprise():
    assert novelty([1.0]) == 0
    assert novelty([0.25, 1.0]) == 1  # 2 bits and 0 bits
    assert np.isnan(novelty([]))
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError):
            novelty([share])


@given(arrays(np.float64, st.tuples(st.integers(2, 7), st.just(3)), elements=st.integers(-3, 3)))
def test_diversity_is_the_mean_over_pairs(vectors):
    def cosine(a, b):
        norm = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / norm if norm else 0.0

    expected = np.mean([1 - cosine(a, b) for a, b in combinations(vectors, 2)])
    assert intra_list_diversity(vectors) == pytest.approx(expected, abs=1e-9)
    assert intra_list_diversity(np.stack([vectors, vectors[::-1]])) == pytest.approx([expected] * 2, abs=1e-9)


def test_list_of_one_has_no_diversity():
    assert np.isnan(intra_list_diversity([[1.0, 2.0]]))

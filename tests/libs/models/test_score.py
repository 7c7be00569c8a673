import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.models import score


def _histories(users: int, items: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    owned = [np.sort(rng.choice(items, rng.integers(0, items), replace=False)) for _ in range(users)]
    indptr = np.concatenate([[0], np.cumsum([len(o) for o in owned])])
    indices = np.concatenate(owned).astype(np.int64)
    return indptr, indices, rng.integers(1, 5, len(indices)).astype(float)


def test_als_user_step_by_hand() -> None:
    # One factor. Y = (1, 2), the user has product 1 (y = 2) with rating 3; alpha 0.5, reg 0.1.
    # c - 1 = 1.5; A = 1 + 4 + 1.5 * 4 + 0.1 * 1 rating = 11.1; b = (1 + 1.5) * 2 = 5; x = 5 / 11.1
    found = score.als_user_factors(np.array([[1.0], [2.0]]), np.array([0, 1]), np.array([1]), np.array([3.0]), 0.5, 0.1)
    np.testing.assert_allclose(found, [[5 / 11.1]])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 40), st.floats(0.001, 1))
def test_als_user_step_equals_dense_algebra(seed: int, alpha: float, reg: float) -> None:
    items, dim = 9, 4
    factors = np.random.default_rng(seed).normal(size=(items, dim))
    indptr, indices, counts = _histories(6, items, seed)
    found = score.als_user_factors(factors, indptr, indices, counts, alpha, reg)
    for user in range(6):
        ratings = np.zeros(items)
        span = slice(indptr[user], indptr[user + 1])
        ratings[indices[span]] = counts[span]
        confidence = np.diag(1 + alpha * ratings)
        left = factors.T @ confidence @ factors + reg * np.count_nonzero(ratings) * np.eye(dim)
        expected = np.linalg.lstsq(left, factors.T @ confidence @ (ratings > 0), rcond=None)[0]
        np.testing.assert_allclose(found[user], expected, atol=1e-8)


def test_als_negative_rating_is_confidence_without_preference() -> None:
    # Spark: c = 1 + alpha |r|, p = 0, and it is not counted in n_u. Y = (1, 1), ratings (2, -2), alpha 1, reg 0.5:
    # A = 2 + 2 + 2 + 0.5 * 1 = 6.5; b = 3; x = 3 / 6.5
    args = (np.array([[1.0], [1.0]]), np.array([0, 2]), np.array([0, 1]), np.array([2.0, -2.0]), 1.0, 0.5)
    np.testing.assert_allclose(score.als_user_factors(*args), [[3 / 6.5]])


def test_als_user_without_history_gets_zeros() -> None:
    found = score.als_user_factors(np.eye(3), np.array([0, 0, 1]), np.array([2]), np.array([1.0]), 1.0, 0.1)
    assert not found[0].any()
    assert found[1].any()


def test_als_reg_must_be_positive() -> None:
    with pytest.raises(ValueError, match="reg"):
        score.als_user_factors(np.eye(2), np.array([0, 1]), np.array([0]), np.array([1.0]), 1.0, 0.0)


def test_als_shares_add_up_and_rebuild_the_score() -> None:
    factors = np.random.default_rng(1).normal(size=(9, 4))
    indptr, indices, counts = _histories(6, 9, 1)
    users = score.als_user_factors(factors, indptr, indices, counts, 2.0, 0.1)
    pair_users, pair_items = np.array([3, 0, 3, 5, 1]), np.array([2, 8, 1, 0, 4])
    offsets, shares = score.als_shares(factors, indptr, indices, counts, 2.0, 0.1, pair_users, pair_items)
    lengths = np.diff(indptr)[pair_users]
    assert offsets.tolist() == [0, *np.cumsum(lengths)]
    for pair, user in enumerate(pair_users):
        own = shares[offsets[pair] : offsets[pair + 1]]
        assert own.sum() == pytest.approx(1 if lengths[pair] else 0)
        # Without one rating's right-hand side the score falls by exactly its share (the matrix kept).
        if lengths[pair]:
            span = slice(indptr[user], indptr[user + 1])
            left = score._als_matrices(
                factors, factors.T @ factors, indptr, indices, counts, 2.0, 0.1, np.array([user])
            )[0]
            first = factors[indices[span][0]] * (1 + 2.0 * counts[span][0])
            part = factors[pair_items[pair]] @ np.linalg.solve(left, first)
            assert own[0] == pytest.approx(part / (factors[pair_items[pair]] @ users[user]))


def test_als_share_is_greatest_for_the_like_product() -> None:
    # Products 0 and 1 point the same way, 2 elsewhere: product 0 is recommended because of 1.
    factors = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    offsets, shares = score.als_shares(
        factors, np.array([0, 2]), np.array([1, 2]), np.array([1.0, 1.0]), 1.0, 0.1, np.array([0]), np.array([0])
    )
    assert offsets.tolist() == [0, 2]
    assert shares[0] > 0.9


def test_als_shares_of_no_pairs_are_empty() -> None:
    none = np.array([], np.int64)
    offsets, shares = score.als_shares(np.eye(2), np.array([0, 1]), np.array([0]), np.ones(1), 1.0, 0.1, none, none)
    assert offsets.tolist() == [0]
    assert len(shares) == 0


def test_log_share_by_hand() -> None:
    # Counts 3 and 0, a half added to each: 3.5 and 0.5 of 4.
    np.testing.assert_allclose(
        score.log_share(np.array([9.0, 3, 0])), [0, math.log(3.5 / 4), math.log(0.5 / 4)], rtol=1e-6
    )


def test_log_trend_by_hand() -> None:
    # Trained 3.5/4 and 0.5/4; recent counts 2 and 2, strength 4: (2 / 0.875 + 4) / 8 and (2 / 0.125 + 4) / 8 = 2.5
    found = score.log_trend(np.array([0.0, 2, 2]), np.array([0.0, 3, 0]), strength=4.0)
    np.testing.assert_allclose(found, [0, math.log((2 / 0.875 + 4) / 8), math.log(2.5)], rtol=1e-6)


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=20))
def test_no_recent_event_gives_no_trend(trained: list[float]) -> None:
    np.testing.assert_allclose(score.log_trend(np.zeros(len(trained)), np.array(trained)), 0, atol=1e-6)


def test_scoring_and_describing_a_fit_load_no_tensorflow() -> None:
    names = "libs.models.score, libs.training.two_tower_task, libs.training.spec, libs.registry.choice"
    check = f"import sys, {names}; sys.exit(any(n in sys.modules for n in ('tensorflow', 'horovod', 'pyspark')))"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(__file__).resolve().parents[3])

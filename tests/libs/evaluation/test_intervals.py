"""Bootstrap intervals: coverage, pairing, clusters, and the words."""

import math

import numpy as np
import pytest

from libs.evaluation import intervals
from libs.evaluation.intervals import MIN_USERS, Interval, difference, is_at_least, is_better, mean_interval, verdict


def test_width_is_that_of_the_normal_approximation_for_many_users():
    values = np.random.default_rng(1).normal(3, 2, size=4000)
    found = mean_interval(values, n_boot=2000)
    half = 1.96 * values.std() / math.sqrt(4000)
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)
    narrower = mean_interval(values, n_boot=2000, level=0.5)
    assert found.low < narrower.low < narrower.high < found.high


def test_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = [i.low <= 0.5 <= i.high for i in (mean_interval(rng.random(150), n_boot=200, seed=s) for s in range(200))]
    # 95% of 200 is 190, standard deviation 3; a 90% interval would be at 180
    assert 183 <= sum(covered) <= 199


def test_same_seed_same_interval_and_another_seed_another():
    values = np.random.default_rng(3).random(50)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=1).low != mean_interval(values, seed=2).low


@pytest.mark.parametrize("clusters", [None, np.arange(60) // 3])
def test_chunks_bound_memory_without_changing_the_draw(monkeypatch, clusters):
    values = np.random.default_rng(4).random(60)
    whole = mean_interval(values, clusters)
    monkeypatch.setattr(intervals, "_CELLS", 130)
    assert mean_interval(values, clusters) == whole


def test_user_in_three_windows_counts_as_one_user():
    values = np.random.default_rng(5).random(100)
    single, copied = mean_interval(values), mean_interval(np.tile(values, 3), np.tile(np.arange(100), 3))
    # The copies carry nothing new: the interval is that of 100 users, not of 300 rows.
    assert (copied.low, copied.high, copied.n_users) == pytest.approx((single.low, single.high, 100))
    rows = mean_interval(np.tile(values, 3))
    assert rows.high - rows.low < 0.7 * (single.high - single.low)


def test_mean_is_over_rows_when_users_have_unequal_numbers_of_rows():
    # User a: 0, 0, 0; user b: 1 -> 1/4. Draws: aa 0, bb 1, ab 1/4.
    found = mean_interval([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])
    assert (found.mean, found.low, found.high, found.n_users) == (0.25, 0.0, 1.0, 2)


def test_pairing_removes_what_both_share():
    rng = np.random.default_rng(6)
    hard = rng.normal(size=300)
    a, b = hard + 0.02 + rng.normal(0, 0.05, 300), hard
    paired = difference(a, b)
    assert is_better(paired)
    assert mean_interval(a).low < mean_interval(b).high  # unpaired, the two overlap
    assert difference(b, a).mean == pytest.approx(-paired.mean)
    assert verdict(difference(b, a)) == "worse"


def test_words_follow_the_interval():
    assert verdict(Interval(0.0, 0.0, 0.0, 100)) == "at least"  # equal lists
    assert verdict(Interval(0.1, 0.0, 0.2, 100)) == "at least"  # touches 0: not wholly above
    assert verdict(Interval(0.1, 1e-9, 0.2, 100)) == "better"
    assert verdict(Interval(-0.1, -0.2, 0.0, 100)) == "at least"  # touches 0: not wholly below
    assert verdict(Interval(-0.1, -0.2, -1e-9, 100)) == "worse"
    assert not is_at_least(Interval(-0.1, -0.2, -1e-9, 100))
    assert is_at_least(Interval(0.1, 0.05, 0.2, 100))


def test_handful_of_users_shows_nothing():
    few, enough = difference([1.0] * 5, [0.0] * 5), difference([1.0] * MIN_USERS, [0.0] * MIN_USERS)
    assert (verdict(few), is_better(few), is_at_least(few)) == ("not shown", False, False)
    assert verdict(enough) == "better"
    # Five users in four windows are still five.
    assert verdict(difference([1.0] * 20, [0.0] * 20, clusters=list(range(5)) * 4)) == "not shown"


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([], {}),
        ([1.0, float("nan")], {}),
        ([1.0], {"clusters": [1, 2]}),
        ([1.0], {"level": 1.0}),
        ([1.0], {"n_boot": 0}),
    ],
)
def test_what_has_no_interval_is_refused(values, options):
    with pytest.raises(ValueError):
        mean_interval(values, **options)


def test_unpaired_lengths_are_refused():
    with pytest.raises(ValueError, match="3 and 2"):
        difference([1.0, 2.0, 3.0], [1.0, 2.0])

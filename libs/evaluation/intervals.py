"""Bootstrap intervals over users, and the verdict on a difference.

Percentile bootstrap: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13. Resampling draws users, not
rows: the rows of one user are not independent, so a user in several pooled test windows is drawn or left out as one
cluster (Field & Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from libs.arrays import Floats, Ints

Verdict = Literal["better", "at least", "worse", "not shown"]

# With 5 users of the same sign the two-sided sign test gives p = 2 / 2^5 = 6%: fewer than 6 users can show nothing at
# 95%, however narrow their bootstrap interval is.
MIN_USERS = 6
_CELLS = 2_000_000  # draws in memory at once: 16 MB per array


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval [low, high] and the number of users in it."""

    mean: float
    low: float
    high: float
    n_users: int


def mean_interval(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Mean of `values` and its percentile bootstrap interval.

    Args:
        values: [n] finite values, one per row. The draw depends on their order: sort rows by user id to make it
            repeatable.
        clusters: [n] user of each row if users repeat (pooled windows); None if each row is a different user. The mean
            is the mean over rows in both cases; a draw takes all rows of a user or none.
        n_boot: number of resamples; memory is bounded for any n * n_boot.
        seed: the same seed and rows give the same interval.
        level: coverage, in (0, 1).

    Raises:
        ValueError: there are no rows, a value is not finite, or `clusters` has another length.

    >>> mean_interval([0.0, 1.0, 1.0, 1.0] * 25)
    Interval(mean=0.75, low=0.66, high=0.83, n_users=100)
    """
    rows = np.asarray(values, dtype=np.float64).ravel()
    if rows.size == 0 or not np.isfinite(rows).all():
        raise ValueError("an interval needs at least one value, and all values finite")
    if n_boot < 1 or not 0 < level < 1:
        raise ValueError(f"n_boot is {n_boot} and level {level}; need n_boot >= 1 and 0 < level < 1")
    sums, sizes = rows, None  # per user; `sizes` None: one row each
    if clusters is not None:
        ids, inverse = np.unique(np.asarray(clusters).ravel(), return_inverse=True)
        if inverse.size != rows.size:
            raise ValueError(f"{rows.size} values but {inverse.size} clusters")
        sums = np.bincount(inverse, weights=rows, minlength=ids.size).astype(np.float64)
        sizes = np.bincount(inverse, minlength=ids.size)
    means = _resampled_means(sums, sizes, n_boot, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(rows.mean()), float(low), float(high), int(sums.size))


def difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean of a - b, paired: row i is the same user in the same window in both.

    >>> difference([0.5] * 10, [0.25] * 10)
    Interval(mean=0.25, low=0.25, high=0.25, n_users=10)
    """
    left, right = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if left.shape != right.shape:
        raise ValueError(f"a paired difference needs equal lengths, not {left.size} and {right.size}")
    return mean_interval(left - right, clusters, n_boot, seed, level)


def is_better(interval: Interval) -> bool:
    """Whether the interval of a difference is wholly above 0 and has at least MIN_USERS users."""
    return interval.n_users >= MIN_USERS and interval.low > 0


def is_at_least(interval: Interval) -> bool:
    """Whether the interval of a difference is not wholly below 0 and has at least MIN_USERS users."""
    return interval.n_users >= MIN_USERS and interval.high >= 0


def verdict(interval: Interval) -> Verdict:
    """The verdict on the interval of a difference; "better" implies "at least".

    >>> verdict(Interval(0.1, 0.01, 0.2, 500)), verdict(Interval(-0.1, -0.3, 0.1, 500))
    ('better', 'at least')
    >>> verdict(Interval(-0.1, -0.2, -0.01, 500)), verdict(Interval(0.1, 0.1, 0.1, 1))
    ('worse', 'not shown')
    """
    if interval.n_users < MIN_USERS:
        return "not shown"
    if is_better(interval):
        return "better"
    return "at least" if is_at_least(interval) else "worse"


def _resampled_means(sums: Floats, sizes: Ints | None, n_boot: int, seed: int) -> Floats:
    """[n_boot] means over the rows of users drawn with replacement. Chunks bound memory and do not change the draw."""
    rng, n = np.random.default_rng(seed), sums.size
    means = np.empty(n_boot)
    step = max(1, _CELLS // n)
    for start in range(0, n_boot, step):
        stop = min(start + step, n_boot)
        drawn = rng.integers(0, n, size=(stop - start, n))
        weight = n if sizes is None else sizes[drawn].sum(axis=1)
        means[start:stop] = sums[drawn].sum(axis=1) / weight
    return means

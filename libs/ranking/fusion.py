"""Fusing candidate sources into one score: fused = sum_s w_s * rel_s ** p_s.

rel_s in (0, 1] is the candidate's normalized score in source s, 0 where the source does not name it; w >= 0 sums to 1;
p_s in POWERS bends each source's scale, since one falls off like 1/rank and another is nearly flat. The sum is
monotone in every source, so removing a source can only lower it. `score` is the formula for arrays,
libs.ranking.fused has the same formula for Spark columns; a test keeps them equal.

How the weights are found. Coordinate ascent on mean NDCG@10 (Metzler & Croft, "Linear feature-based models for
information retrieval", Information Retrieval 10(3), 2007) from a prior mixture and from the best single source; the
better of the two is the optimum. The weights returned lie between the optimum and the prior: the midpoint, or
further towards the optimum when the midpoint is below the best single source or more than one standard error of the
paired difference below the optimum (the one-standard-error rule: Hastie, Tibshirani & Friedman, "The Elements of
Statistical Learning", 2009, 7.10). The prior weighs each source by its own NDCG@10 to the power 1.5.

Why. On simulated shops of six sources (equal, graded, one dominant, three of six useless) with 100, 300 and 1000
fitting users, NDCG@10 of 6000 fresh users averaged over the twelve cases: best single source .0988, equal weights
.1085, prior with one common power .1253, optimum .1258, these weights .1264 (tests/libs/ranking/test_fusion.py prints
the table). They are at or above the optimum in all twelve cases, and above the prior in nine; the prior is ahead by
.0024 with 100 users of equal sources, and by .0003 and .0004 with 100 and 1000 users of one dominant source. Priors
by NDCG to the power 1, 1.5 and 2 could not be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from libs.arrays import Float32s, Floats

POWERS = (0.25, 0.5, 1.0, 2.0)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.9)
K = 10
_PASSES = 3
_PRIOR_POWER = 1.5
_TIE = 1e-9  # scores closer than this are tied: sums in another order differ by less, real scores by more


@dataclass(frozen=True)
class FusionWeights:
    """Weight and power of each source, in the order of the feature columns."""

    sources: tuple[str, ...]
    weights: tuple[float, ...]
    powers: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.sources) == len(self.weights) == len(self.powers) > 0:
            raise ValueError("sources, weights and powers must have one length, at least 1")
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-6 or min(self.powers) <= 0:
            raise ValueError("weights must be at least 0 and sum to 1, powers be above 0")

    @classmethod
    def of(cls, fitted: Mapping[str, Sequence[Any]]) -> FusionWeights:
        """From one target's entry of `fitted` in training.models."""
        return cls(*(tuple(fitted[part]) for part in ("sources", "weights", "powers")))


def score(features: ArrayLike, weights: FusionWeights) -> Floats:
    """Fused scores in [0, 1].

    Args:
        features: [n, n_sources] normalized scores in [0, 1], 0 where absent.
        weights: of the same sources.

    Returns:
        [n] float64; equal rows give equal scores.

    >>> score([[1.0, 0.0], [0.25, 1.0]], FusionWeights(("als", "repeat"), (0.6, 0.4), (0.5, 1.0))).tolist()
    [0.6, 0.7]
    """
    return np.asarray((_checked(features, weights) ** np.array(weights.powers) * np.array(weights.weights)).sum(axis=1))


def fit(
    sources: tuple[str, ...],
    group: ArrayLike,
    features: ArrayLike,
    label: ArrayLike,
    n_targets: ArrayLike,
    tie_break: ArrayLike,
) -> FusionWeights:
    """Fits weights and powers on a bounded sample of users; the module's docstring says how.

    Deterministic; the order of rows does not matter. On the fitting data the mean NDCG@10 of the fused list is never
    below that of the best single source that names a target (its list filled up in tie-break order). Without a
    hit in the pools nothing can be learned and all sources get the same weight. Memory: 4 bytes *
    users with a hit * largest pool * sources * powers, and a few matrices of 8 bytes per pool cell.

    Args:
        sources: names of the feature columns.
        group: [n_rows] user index, in [0, n_groups).
        features: [n_rows, n_sources] normalized scores in [0, 1], 0 where the source does not name the candidate.
        label: [n_rows] 1 for a target, else 0.
        n_targets: [n_groups] number of targets of each user, including those in no pool; at least 1.
        tie_break: [n_rows] order of the products, smaller first among equal scores; distinct within a user.

    Raises:
        ValueError: shapes that do not fit, values out of range, or more labels than targets.
    """
    sample = _Sample(len(sources), group, features, label, n_targets, tie_break)
    n = len(sources)
    # Only a source's own candidates count: with its list filled in tie-break order, an empty source could score well.
    ndcgs = np.array([sample.ndcg(sample.fused(w, [2] * n), listed=sample.named(w)).sum() for w in np.eye(n)])
    if not ndcgs.any():
        return FusionWeights(tuple(sources), (1 / n,) * n, (1.0,) * n)
    prior = ndcgs**_PRIOR_POWER / (ndcgs**_PRIOR_POWER).sum()
    power = max(range(len(POWERS)), key=lambda q: sample.ndcg(sample.fused(prior, [q] * n)).sum())
    singles = [sample.ndcg(sample.fused(w, [2] * n)) for w in np.eye(n)]
    best_single = max(np.flatnonzero(ndcgs).tolist(), key=lambda s: float(singles[s].sum()))
    starts = ((prior, [power] * n), (np.eye(n)[best_single], [2] * n))
    weights, powers, top = max((_ascend(sample, *start) for start in starts), key=lambda ascent: ascent[2].sum())
    for share in (0.5, 0.75):
        nearer = (1 - share) * prior + share * weights
        reached = sample.ndcg(sample.fused(nearer, powers))
        if reached.sum() >= max(singles[best_single].sum(), top.sum() - sample.n_groups * sample.error(top - reached)):
            weights = nearer
            break
    weights = weights / weights.sum()
    return FusionWeights(tuple(sources), tuple(weights.tolist()), tuple(POWERS[q] for q in powers))


def ndcg_per_user(
    weights: FusionWeights,
    group: ArrayLike,
    features: ArrayLike,
    label: ArrayLike,
    n_targets: ArrayLike,
    tie_break: ArrayLike,
    only_listed: bool = False,
) -> Floats:
    """[n_groups] NDCG@10 of the fused lists; arguments as in `fit`, powers among POWERS.

    Args:
        only_listed: candidates with a score of 0 are in no list, as where lists are published; else they fill it up.
    """
    sample = _Sample(len(weights.sources), group, features, label, n_targets, tie_break)
    result = np.zeros(sample.n_groups)
    shares, powers = np.array(weights.weights), [POWERS.index(p) for p in weights.powers]
    listed = sample.named(shares) if only_listed else None
    result[sample.hit_groups] = sample.ndcg(sample.fused(shares, powers), listed)
    return result


def single(sources: Sequence[str], chosen: str) -> FusionWeights:
    """All weight on one source."""
    return FusionWeights(tuple(sources), tuple(float(s == chosen) for s in sources), (1.0,) * len(sources))


def _ascend(sample: _Sample, weights: Floats, powers: list[int]) -> tuple[Floats, list[int], Floats]:
    """Coordinate ascent: for each source in turn its best share of the mixture, then its best power at that share."""
    powers, current = list(powers), sample.ndcg(sample.fused(weights, powers))
    for _ in range(_PASSES):
        before = current.sum()
        for s in range(len(powers)):
            rest = weights.copy()
            rest[s] = 0
            if not rest.any():  # it is the only source of the mixture; others enter at their turn
                continue
            rest /= rest.sum()
            others = sample.fused(rest, powers)

            def attempt(share: float, q: int, s: int = s, others: Floats = others) -> Floats:
                return sample.ndcg((1 - share) * others + share * sample.column(s, q))

            for share in SHARES:
                reached = attempt(share, powers[s])
                if reached.sum() > current.sum() + _TIE:
                    current, weights = reached, rest * (1 - share)
                    weights[s] = share
            for q in range(len(POWERS)) if weights[s] else ():
                reached = attempt(float(weights[s]), q)
                if reached.sum() > current.sum() + _TIE:
                    current, powers[s] = reached, q
        if current.sum() <= before:
            break
    return weights, powers, current


class _Sample:
    """The sample as dense arrays [users with a hit in their pool, pool], pools in tie-break order.

    The other users have NDCG 0 for any weights, so they only count in means. A slope along the tie-break order, smaller
    than any real difference, breaks ties.
    """

    def __init__(
        self,
        n_sources: int,
        group: ArrayLike,
        features: ArrayLike,
        label: ArrayLike,
        n_targets: ArrayLike,
        tie_break: ArrayLike,
    ) -> None:
        user, values = np.asarray(group, dtype=np.int64), np.asarray(features, dtype=np.float32)
        hit, targets, tie = np.asarray(label).astype(bool), np.asarray(n_targets), np.asarray(tie_break)
        if values.shape != (user.size, n_sources) or not user.shape == hit.shape == tie.shape:
            raise ValueError(f"rows do not fit: group {user.shape}, features {values.shape}, label {hit.shape}")
        _check_unit(values)
        if user.size and not (user.min() >= 0 and user.max() < targets.size):
            raise ValueError("group out of range of n_targets")
        hits = np.bincount(user[hit], minlength=targets.size)
        if targets.size == 0 or targets.min() < 1 or (hits > targets).any():
            raise ValueError("each user needs at least one target, and no more labels than targets")
        self.n_groups, self.hit_groups = targets.size, np.flatnonzero(hits)
        order = np.lexsort((tie, user))
        order = order[hits[user[order]] > 0]
        size = np.bincount(user, minlength=targets.size)[self.hit_groups]
        width = int(size.max(initial=1))
        row = np.repeat(np.arange(size.size), size)
        column = np.arange(order.size) - np.repeat(np.cumsum(size) - size, size)
        self._label = np.zeros((size.size, width), dtype=bool)
        self._label[row, column] = hit[order]
        dense = np.zeros((n_sources, size.size, width), dtype=np.float32)
        dense[:, row, column] = values[order].T
        self._columns = [[source**p for p in POWERS] for source in dense]
        self._slope = -_TIE * np.arange(width) / width
        discount = 1 / np.log2(np.arange(2, K + 2))
        self._discount = discount
        self._ideal = np.cumsum(discount)[np.minimum(targets[self.hit_groups], K) - 1]

    def column(self, source: int, power: int) -> Floats:
        """[users, pool] bent normalized scores, with the tie slope."""
        return np.asarray(self._columns[source][power] + self._slope)

    def fused(self, weights: Floats, powers: list[int]) -> Floats:
        """[users, pool] fused scores, with the tie slope."""
        total = np.tile(self._slope, (len(self._label), 1))
        for s in np.flatnonzero(weights):
            total += weights[s] * self._columns[s][powers[s]]
        return total

    def named(self, weights: Floats) -> NDArray[np.bool_]:
        """[users, pool] whether a source with a weight names the candidate."""
        return np.asarray(np.any([self._columns[s][0] > 0 for s in np.flatnonzero(weights)], axis=0))

    def ndcg(self, fused: Floats, listed: NDArray[np.bool_] | None = None) -> Floats:
        """[users] NDCG@10; only hits in `listed` ([users, pool], default all) count."""
        label = self._label if listed is None else self._label & listed
        cut = max(fused.shape[1] - K, 0)
        top = (
            np.argpartition(fused, cut, axis=1)[:, cut:] if cut else np.tile(np.arange(fused.shape[1]), (len(fused), 1))
        )
        order = np.argsort(-np.take_along_axis(fused, top, axis=1), axis=1)
        gains = np.take_along_axis(label, np.take_along_axis(top, order, axis=1), axis=1)
        return np.asarray(gains @ self._discount[: gains.shape[1]] / self._ideal)

    def error(self, values: Floats) -> float:
        """Standard error of the mean over all users, where users without a hit count as 0."""
        mean = values.sum() / self.n_groups
        return float(np.sqrt(max((values**2).sum() / self.n_groups - mean**2, 0.0) / self.n_groups))


def _checked(features: ArrayLike, weights: FusionWeights) -> Floats:
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(weights.sources):
        raise ValueError(f"features {values.shape} do not fit {len(weights.sources)} sources")
    _check_unit(values)
    return values


def _check_unit(values: Float32s | Floats) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("normalized scores must be in [0, 1]")

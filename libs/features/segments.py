"""Clusters of users: which numbers describe one, how many clusters there are, and what each is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans2, vq

from libs.arrays import Floats, Ints

# Number of a user -> how a segment is called whose members have much more, or much less of it than others.
MARKS: dict[str, tuple[str, str]] = {
    "recency": ("lapsed", "recent"),
    "frequency": ("frequent", "occasional"),
    "basket": ("many-at-a-time", "one-at-a-time"),
    "usual_price": ("premium", "bargain-minded"),
    "rating": ("generous", "critical"),
    "returns": ("often returning", "rarely returning"),
    "focus": ("specialised", "wide-ranging"),
}
# A shop that sells speaks of orders.
MARKS_OF_BUYERS = MARKS | {"basket": ("large-order", "small-order")}
NOUNS = {"purchase": "buyers", "review": "reviewers", "play": "listeners", "view": "visitors"}

# From this many standard deviations between a segment's mean and that of all, a number marks the segment.
MARKED_FROM = 0.5

# Seeds of k-means: of a number of clusters the fit is taken that has the least distance to its centres.
STARTS = (17, 18, 19)
ITERATIONS = 30


@dataclass(frozen=True)
class Segments:
    """A fitted clustering. Small: it may ride to workers in a closure.

    Attributes:
        mean, scale: of each number over the sample, [features]; a number that nobody has, or all alike, has scale 0.
        centres: of the segments in standard deviations, by falling size, [segments, features].
        names: of the segments, all different.
    """

    mean: Floats
    scale: Floats
    centres: Floats
    names: tuple[str, ...]

    def nearest(self, numbers: Floats) -> Ints:
        """Index of the nearest centre for each row of `numbers`, [users, features] with NaN where not known."""
        points = standardised(numbers, self.mean, self.scale)
        # In blocks, so that users x segments x features never stand in memory whole.
        blocks = np.array_split(points, max(1, len(points) // 10_000))
        distances = [((block[:, None, :] - self.centres[None]) ** 2).sum(axis=2) for block in blocks]
        return np.concatenate([block.argmin(axis=1) for block in distances])


def standardised(numbers: Floats, mean: Floats, scale: Floats) -> Floats:
    """Standard deviations from the mean, [users, features]; 0 where a number is not known or the same for all.

    Bounded at 4, so that a handful of extreme users do not take a cluster for themselves.
    """
    spread = np.where(scale > 0, scale, 1.0)
    points = np.where(np.isnan(numbers) | (scale == 0), 0.0, (numbers - mean) / spread)
    return np.asarray(np.clip(points, -4.0, 4.0), np.float64)


def fit(numbers: Floats, features: Sequence[str], sizes: Sequence[int], noun: str) -> Segments:
    """k-means on a sample, k chosen by the variance-ratio criterion.

    The sample is of bounded size, and a fit of it takes less time than one task of Spark, whose KMeans besides ends at
    other centres where the same rows are partitioned otherwise. Criterion: Calinski and Harabasz 1974, "A dendrite
    method for cluster analysis": the greatest ((T - W) / (k - 1)) / (W / (n - k)), W the summed squared distance to the
    centres, T that of k = 1.

    Args:
        numbers: [sample, features], NaN where not known; in an order of their own, which the centres depend on.
        features: names of the columns, keys of MARKS.
        sizes: numbers of segments to try.
        noun: what the users are, such as "buyers".
    """
    known = ~np.isnan(numbers)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, numbers, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (numbers - mean) ** 2, 0.0).sum(axis=0) / count)
    scale = np.where(scale > 1e-9, scale, 0.0)
    points = standardised(numbers, mean, scale)
    centres = _chosen(points, sizes)
    fitted = Segments(mean, scale, centres, ())
    members = np.bincount(fitted.nearest(numbers), minlength=len(centres))
    order = sorted(range(len(centres)), key=lambda i: (-members[i], *centres[i]))
    centres = centres[[i for i in order if members[i]]]
    return Segments(mean, scale, centres, tuple(names(centres, features, noun)))


def _chosen(points: Floats, sizes: Sequence[int]) -> Floats:
    n = len(points)
    distinct = len(np.unique(points, axis=0))
    tried = [k for k in sizes if 1 < k < n and k <= distinct]
    if not tried:
        return np.asarray(points.mean(axis=0, keepdims=True), np.float64)
    total = float(((points - points.mean(axis=0)) ** 2).sum())
    fits = {k: min((_started(points, k, seed) for seed in STARTS), key=lambda found: found.within) for k in tried}
    return fits[max(tried, key=lambda k: variance_ratio(total, fits[k].within, n, k))].centres


class _Fitted(NamedTuple):
    centres: Floats
    within: float  # summed squared distance to the nearest centre


def _started(points: Floats, k: int, seed: int) -> _Fitted:
    centres, _ = kmeans2(points, k, iter=ITERATIONS, minit="++", rng=np.random.default_rng(seed))
    _, distances = vq(points, centres)
    return _Fitted(centres, float((distances**2).sum()))


def variance_ratio(total: float, within: float, n: int, k: int) -> float:
    """How much farther apart k clusters are than wide; infinite where no point is off its centre."""
    return np.inf if within <= 1e-9 * total else ((total - within) / (k - 1)) / (within / (n - k))


def names(centres: Floats, features: Sequence[str], noun: str) -> list[str]:
    """A name for each centre from what marks it: its one or two greatest deviations, more where names clash."""
    found: list[str] = []
    marks = MARKS_OF_BUYERS if noun == NOUNS["purchase"] else MARKS
    for centre in centres:
        order = sorted(range(len(features)), key=lambda i: (-abs(centre[i]), i))
        words = [marks[features[i]][0 if centre[i] > 0 else 1] for i in order]
        marked = sum(abs(centre[i]) >= MARKED_FROM for i in order)
        choices = [", ".join(words[:n]) for n in range(min(marked, 2), marked + 1)]
        choices = [f"{choice or 'typical'} {noun}" for choice in choices]
        numbered = [f"{choices[0]} ({number})" for number in range(2, len(found) + 3)]
        found.append(next(name for name in choices + numbered if name not in found))
    return found

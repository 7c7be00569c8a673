"""Accuracy of ranked lists against target sets, one value per user.

All functions take *hits*, the 1-based ranks of a user's targets in the list, and the number of all targets, listed or
not. The metrics need nothing else, so a batch of users stays small however large the catalogue is. A user without a
target has no value: the caller leaves such users out, and these functions raise ValueError for them.

The functions for one user are the definitions; `user_metrics` computes all of them for a batch.
References: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002 (NDCG);
Manning, Raghavan & Schütze, "Introduction to Information Retrieval", 2008, ch. 8 (recall, average precision);
Voorhees, "The TREC-8 Question Answering Track Report", 1999 (reciprocal rank).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from libs.arrays import Bools, Floats, Ints

KS = (5, 10, 20)
NAMES = ("hit_rate", "ndcg", "map", "recall", "mrr")


def hit_ranks(ranked: Sequence[Hashable], targets: Collection[Hashable]) -> Ints:
    """Ranks (1-based, ascending) of `targets` in `ranked`; a product listed twice counts at its first rank.

    >>> hit_ranks(["a", "b", "c", "b"], {"b", "z"}).tolist()
    [2]
    """
    first: dict[Hashable, int] = {}
    for rank, product in enumerate(ranked, start=1):
        first.setdefault(product, rank)
    return np.array(sorted(first[t] for t in set(targets) if t in first), dtype=np.int64)


def hit_rate(ranks: ArrayLike, n_targets: int, k: int) -> float:
    """1 if a target is among the first k, else 0.

    >>> hit_rate([3, 12], n_targets=4, k=10), hit_rate([12], n_targets=4, k=10)
    (1.0, 0.0)
    """
    return float(_hits(ranks, n_targets, k).size > 0)


def recall(ranks: ArrayLike, n_targets: int, k: int) -> float:
    """Share of the targets that are among the first k: |hits@k| / n_targets.

    >>> recall([1, 3, 12], n_targets=4, k=10)
    0.5
    """
    return _hits(ranks, n_targets, k).size / n_targets


def ndcg(ranks: ArrayLike, n_targets: int, k: int) -> float:
    """Normalised discounted cumulative gain with binary gains.

    DCG@k is the sum of 1 / log2(r + 1) over hits with rank r <= k; NDCG@k divides it by the DCG of a list that starts
    with min(n_targets, k) hits. Hits at ranks 1 and 3 of 2 targets: (1 + 1/2) / (1 + 1/log2(3)) = 1.5 / 1.63093.

    >>> round(ndcg([1, 3], n_targets=2, k=10), 5)
    0.91972
    """
    return float((1 / np.log2(_hits(ranks, n_targets, k) + 1)).sum() / ideal_dcg(n_targets, k))


def average_precision(ranks: ArrayLike, n_targets: int, k: int) -> float:
    """Mean of the precision at each hit, where missing targets count 0; its mean over users is MAP@k.

    AP@k = sum_j (j / r_j) / min(n_targets, k), r_j the rank of the j-th hit. Hits at 1 and 3 of 2 targets:
    (1/1 + 2/3) / 2.

    >>> round(average_precision([1, 3], n_targets=2, k=10), 5)
    0.83333
    """
    hits = _hits(ranks, n_targets, k)
    return float((np.arange(1, hits.size + 1) / hits).sum() / min(n_targets, k))


def mrr(ranks: ArrayLike, n_targets: int, k: int) -> float:
    """Reciprocal rank of the first hit, 0 if none is among the first k; its mean over users is MRR@k.

    >>> mrr([4, 5], n_targets=2, k=10)
    0.25
    """
    hits = _hits(ranks, n_targets, k)
    return float(1 / hits[0]) if hits.size else 0.0


def ideal_dcg(n_targets: ArrayLike, k: int) -> Floats:
    """DCG of a list of k that starts with min(n_targets, k) hits; same shape as `n_targets`.

    >>> ideal_dcg([1, 2, 9], k=2).round(5).tolist()
    [1.0, 1.63093, 1.63093]
    """
    best = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    result: Floats = best[np.minimum(np.asarray(n_targets), k) - 1]
    return result


def user_metrics(ranks: Sequence[ArrayLike], n_targets: ArrayLike, ks: Sequence[int] = KS) -> dict[str, Floats]:
    """All metrics of a batch of users.

    Args:
        ranks: for each of n users, the 1-based ranks of the hits, ascending; empty without a hit.
        n_targets: [n] number of targets of each user, at least 1.
        ks: cut-offs.

    Returns:
        `"<name>@<k>"` for each of NAMES and each k, arrays [n] of float64 in [0, 1] in the users' order.

    Raises:
        ValueError: a user without a target; ranks below 1, not ascending, or more of them than targets.

    >>> m = user_metrics([[1, 3], []], [2, 1], ks=(1, 10))
    >>> m["ndcg@10"].round(5).tolist(), m["recall@1"].tolist(), m["map@10"].round(5).tolist()
    ([0.91972, 0.0], [0.5, 0.0], [0.83333, 0.0])
    """
    targets = np.asarray(n_targets, dtype=np.int64)
    counts = np.array([np.size(r) for r in ranks], dtype=np.int64)
    if targets.shape != counts.shape:
        raise ValueError(f"{counts.size} users with ranks but {targets.size} with a number of targets")
    if counts.size and (targets.min() < 1 or (counts > targets).any()):
        raise ValueError("each user needs at least one target, and no more hits than targets")
    flat = np.concatenate([np.asarray(r, dtype=np.int64).ravel() for r in ranks]) if counts.size else counts
    user = np.repeat(np.arange(counts.size), counts)
    _check_ranks(flat, user)
    nth = np.arange(1, flat.size + 1) - np.repeat(np.cumsum(counts) - counts, counts)  # 1-based number of a user's hit

    def total(values: Floats, where: Bools) -> Floats:
        return np.bincount(user[where], weights=values[where], minlength=counts.size).astype(np.float64)

    result: dict[str, Floats] = {}
    for k in ks:
        _check_k(k)
        within, reach = flat <= k, np.minimum(targets, k)
        hits = total(np.ones(flat.size), within)
        result[f"hit_rate@{k}"] = (hits > 0).astype(np.float64)
        result[f"ndcg@{k}"] = total(1 / np.log2(flat + 1), within) / ideal_dcg(targets, k)
        result[f"map@{k}"] = total(nth / flat, within) / reach
        result[f"recall@{k}"] = hits / targets
        result[f"mrr@{k}"] = total(1 / flat, within & (nth == 1))
    return result


def _hits(ranks: ArrayLike, n_targets: int, k: int) -> Ints:
    """The ranks up to k, after checks."""
    hits = np.asarray(ranks, dtype=np.int64).ravel()
    _check_k(k)
    if n_targets < 1 or hits.size > n_targets:
        raise ValueError("a user needs at least one target, and no more hits than targets")
    _check_ranks(hits, np.zeros(hits.size, dtype=np.int64))
    return hits[hits <= k]


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")


def _check_ranks(flat: Ints, user: Ints) -> None:
    if flat.size and (flat.min() < 1 or ((np.diff(flat) <= 0) & (np.diff(user) == 0)).any()):
        raise ValueError("ranks start at 1 and ascend without repeats")

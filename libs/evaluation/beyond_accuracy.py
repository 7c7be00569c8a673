"""Metrics beyond accuracy: catalogue coverage, evenness of exposure, novelty and diversity of lists."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from libs.arrays import Floats


def coverage(exposed_items: Iterable[Hashable], n_catalogue: int) -> float:
    """Share of the catalogue that is in at least one list: |distinct exposed| / n_catalogue.

    Reference: Ge, Delgado-Battenfeld & Jannach, "Beyond accuracy", RecSys 2010.

    >>> coverage(["a", "b", "a"], n_catalogue=4)
    0.5
    """
    n_exposed = len(set(exposed_items))
    if not max(n_exposed, 1) <= n_catalogue:
        raise ValueError(f"{n_exposed} products exposed from a catalogue of {n_catalogue}")
    return n_exposed / n_catalogue


def gini(exposure_counts: ArrayLike, n_catalogue: int) -> float:
    """Gini coefficient of exposure: 0 if all products are shown equally often, near 1 if one gets all exposure.

    G = sum_i (2 i - n - 1) x_i / (n sum x), x ascending, i = 1..n over the whole catalogue: products that were never
    shown count as zeros (the caller passes only counts of shown products). NaN if nothing was shown.
    Reference: Fleder & Hosanagar, "Blockbuster culture's next rise or fall", Management Science 55(5), 2009.

    One of two products shown 3 times, the other never: (2*1-3)*0 + (2*2-3)*3 = 3, over 2*3 = 0.5.

    >>> gini([3], n_catalogue=2), gini([2, 2], n_catalogue=2)
    (0.5, 0.0)
    """
    counts = np.sort(np.asarray(exposure_counts, dtype=np.float64).ravel())
    if counts.size > n_catalogue or n_catalogue < 1:
        raise ValueError(f"{counts.size} products exposed from a catalogue of {n_catalogue}")
    if counts.size and not counts[0] >= 0:
        raise ValueError("exposure counts must not be negative")
    if not counts.sum():
        return float("nan")
    place = np.arange(n_catalogue - counts.size + 1, n_catalogue + 1)  # the zeros come first and add nothing
    return float(((2 * place - n_catalogue - 1) * counts).sum() / (n_catalogue * counts.sum()))


def excess_gini(exposure_counts: ArrayLike, n_listable: int) -> float:
    """Gini coefficient of exposure above the least possible one, as a share of the range left: 0 to 1.

    Of R rows over n products the most even spread shows each floor(R/n) or ceil(R/n) times; with fewer rows than
    products its Gini is 1 - R/n, however good the lists are. NaN if nothing was shown.

    Two rows over four products: at best two products once each, Gini .5; both on one product, .75.

    >>> excess_gini([1, 1], n_listable=4), excess_gini([2], n_listable=4)
    (0.0, 0.5)
    """
    rows = int(np.sum(exposure_counts))
    each, more = divmod(rows, n_listable)
    least = gini(np.repeat([each, each + 1], [n_listable - more, more]), n_listable)
    return (gini(exposure_counts, n_listable) - least) / (1 - least)


def novelty(popularity_share: ArrayLike) -> float:
    """Mean self-information of the listed products in bits: mean of -log2(p), p the share of users who have it.

    A product that nobody has would be infinite: pass a smoothed share, (users + 1) / (all users + 1). NaN for an empty
    list. Reference: Zhou et al., "Solving the apparent diversity-accuracy dilemma", PNAS 107(10), 2010.

    >>> novelty([0.5, 0.125])
    2.0
    """
    share = np.asarray(popularity_share, dtype=np.float64)
    if share.size == 0:
        return float("nan")
    if not ((share > 0) & (share <= 1)).all():
        raise ValueError("popularity shares must be in (0, 1]")
    return float(-np.log2(share).mean() + 0.0)


def intra_list_diversity(vectors: ArrayLike) -> Floats:
    """Mean pairwise cosine distance within a list: 2 / (n (n - 1)) sum_{i<j} (1 - cos(v_i, v_j)).

    Args:
        vectors: [..., n, d] of any length; leading axes are separate lists. A zero vector has distance 1 to all others.

    Returns:
        [...] in [0, 2]; NaN for lists of fewer than two. Time and memory are O(n d), because the sum of all cosines is
        the squared length of the sum of the unit vectors.
    Reference: Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005.

    >>> float(intra_list_diversity([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]).round(4))  # distances 1, 0, 1
    0.6667
    """
    lists = np.asarray(vectors, dtype=np.float64)
    n = lists.shape[-2]
    if n < 2:
        return np.full(lists.shape[:-2], np.nan)
    length = np.linalg.norm(lists, axis=-1, keepdims=True)
    unit = np.divide(lists, length, out=np.zeros_like(lists), where=length > 0)
    cosines = (unit.sum(axis=-2) ** 2).sum(axis=-1) - (unit**2).sum(axis=(-2, -1))
    return np.asarray(np.clip(1 - cosines / (n * (n - 1)), 0, 2))

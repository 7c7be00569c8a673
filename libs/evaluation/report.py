"""Metrics of ranked lists over one or several test windows, as rows of quality.metrics.

A mean over users has a 95% bootstrap interval over users; with several pooled windows a user is drawn with all windows.
Coverage and Gini are properties of all lists together, not of a user. They have no interval: a resample has fewer
distinct users, who are shown fewer products, so the bootstrap would be biased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from libs.arrays import Float32s, Floats, Ints
from libs.evaluation.beyond_accuracy import coverage, gini, intra_list_diversity
from libs.evaluation.intervals import Interval, verdict
from libs.evaluation.ranking import KS, user_metrics

ACCURACY = ("hit_rate", "ndcg", "map", "recall")
K = 10  # length for metrics that are reported at one length only: differences, coverage, novelty, diversity, Gini
NDCG = ("ndcg", K)
TARGETS = ("all", "first")
_CHUNK = 256  # lists whose vectors are in memory at once: 256 * 10 * 384 float64 = 8 MB
_CELLS = 2_000_000  # draws in memory at once

Values = dict[tuple[str, int], Floats]


@dataclass(frozen=True)
class Catalogue:
    """The products that may be shown.

    Attributes:
        products: index of product ids; a product's number is its position.
        sizes: number of products on offer, by cut-off.
        bits: [n products] -log2 of the share of users who had the product before the cut-off, by cut-off.
        vectors: [n products, d] text vectors; zeros for a product without one; None if no product has one.
        categories: [n products] number of the product's category set.
        distances: [sets, sets] Jaccard distances of the category sets.
    """

    products: pd.Index[Any]
    sizes: Mapping[date, int]
    bits: Mapping[date, Floats]
    vectors: Float32s | None
    categories: Ints
    distances: Floats


@dataclass(frozen=True)
class Fold:
    """The lists and metrics of the n users of one window, for one target.

    Attributes:
        users: [n] ids, ascending.
        shown: by list, [n, K] numbers of the first K products, padded with -1.
        values: by list and (metric, k), [n] one value per user; NaN if undefined (the diversity of one product).
    """

    cutoff: date
    users: NDArray[np.object_]
    n_targets: Ints
    shown: Mapping[str, Ints]
    values: Mapping[str, Values]


def fold(users: pd.DataFrame, lists: pd.DataFrame, cutoff: date, target: str, names: Sequence[str],
         catalogue: Catalogue | None = None) -> Fold:  # fmt: skip
    """One window's users and lists with all metrics per user.

    All lists are evaluated on the same users: a user without a list counts 0 for it.

    Args:
        users: cutoff, user_id, n_all, n_first; users without a target of the kind are left out.
        lists: cutoff, user_id, target, list, products, hits (ranks).
        names: the lists to evaluate.
        catalogue: None leaves out novelty and diversity, and `shown` is empty.
    """
    rows = users[(users["cutoff"] == cutoff) & (users[f"n_{target}"] > 0)].sort_values("user_id")
    ids = rows["user_id"].to_numpy(dtype=object)
    of_fold = lists[(lists["cutoff"] == cutoff) & (lists["target"] == target) & lists["user_id"].isin(ids)]
    n_targets = rows[f"n_{target}"].to_numpy(dtype=np.int64)
    shown: dict[str, Ints] = {}
    values: dict[str, Values] = {}
    # A cut-off without product profiles has no lists either.
    bits = catalogue.bits.get(cutoff, np.zeros(len(catalogue.products))) if catalogue else None
    for name in names:
        listed = of_fold[of_fold["list"] == name]
        place = np.searchsorted(ids, listed["user_id"].to_numpy(dtype=object))
        hits = [np.zeros(0, dtype=np.int64)] * ids.size
        for at, ranks in zip(place, listed["hits"], strict=True):
            hits[at] = np.asarray(ranks, dtype=np.int64)
        metrics = user_metrics(hits, n_targets, KS)
        values[name] = {(m, k): metrics[f"{m}@{k}"] for m in ACCURACY for k in KS}
        if catalogue is not None and bits is not None:
            shown[name] = _numbers(listed["products"], place, ids.size, catalogue)
            values[name][("novelty", K)] = _novelty(shown[name], bits)
            values[name][("diversity", K)] = _diversity(shown[name], catalogue)
    return Fold(cutoff, ids, n_targets, shown, values)


def best_source(validation: Sequence[Fold], sources: Sequence[str], fallback: str = "popular") -> str:
    """The source with the greatest mean NDCG@10 over the users of earlier windows; ties go to the first."""
    if not sum(f.users.size for f in validation):
        return fallback
    totals = [sum(float(f.values[source][NDCG].sum()) for f in validation) for source in sources]
    return sources[int(np.argmax(totals))]


def metric_rows(folds: Sequence[Fold], names: Sequence[str], final: str | None = None,
                best: Sequence[str] = (), catalogue: Catalogue | None = None) -> list[dict[str, Any]]:  # fmt: skip
    """Metrics of the pooled windows: list, metric, k, value, low, high, users, verdict.

    If no user has a target, the result is one row per list: NDCG without a value.

    Args:
        final: the list to compare with the best single source.
        best: for each window, the single source that was best in the windows before it.
    """
    if not sum(f.users.size for f in folds):
        return [_row(name, *NDCG, None, 0) for name in names]
    columns: dict[tuple[str, str, int], Floats] = {}
    for name in names:
        for metric, k in folds[0].values[name]:
            columns[name, metric, k] = np.concatenate([f.values[name][metric, k] for f in folds])
    for name in names:
        if "popular" in names and name != "popular":
            columns[name, "ndcg_minus_popular", K] = columns[name, *NDCG] - columns["popular", *NDCG]
    if final is not None:
        of_best = np.concatenate([f.values[b][NDCG] for f, b in zip(folds, best, strict=True)])
        columns[final, "ndcg_minus_best", K] = columns[final, *NDCG] - of_best
    users = np.concatenate([f.users for f in folds])
    intervals = mean_intervals(np.column_stack(list(columns.values())), users)
    rows = [
        _row(name, metric, k, i.mean, i.n_users, i.low, i.high, verdict(i) if "_minus_" in metric else None)
        for (name, metric, k), i in zip(columns, intervals, strict=True)
        if i.n_users
    ]
    if catalogue is not None:
        for name in names:
            numbers = np.concatenate([f.shown[name].ravel() for f in folds])
            counts = np.bincount(numbers[numbers >= 0])
            counts = counts[counts > 0]
            size = max(*(catalogue.sizes.get(f.cutoff, 0) for f in folds), counts.size, 1)
            rows.append(_row(name, "coverage", K, coverage(range(counts.size), size), len(set(users))))
            if counts.size:
                rows.append(_row(name, "gini", K, gini(counts, size), len(set(users))))
    return rows


def mean_intervals(
    values: Floats, clusters: NDArray[np.object_], n_boot: int = 1000, seed: int = 0, level: float = 0.95
) -> list[Interval]:
    """`libs.evaluation.intervals.mean_interval` of every column, with the same draws of users for all columns.

    Args:
        values: [n, m]; a NaN is left out of its column.
        clusters: [n] user of each row.

    Returns:
        m intervals; a column without a value has NaN and 0 users.
    """
    valid = np.isfinite(values)
    ids, inverse = np.unique(clusters, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    first = np.searchsorted(inverse[order], np.arange(ids.size))
    sums = np.add.reduceat(np.where(valid, values, 0.0)[order], first, axis=0)
    sizes = np.add.reduceat(valid[order].astype(np.float64), first, axis=0)
    rng, step, means = np.random.default_rng(seed), max(1, _CELLS // ids.size), []
    for start in range(0, n_boot, step):
        draws = min(step, n_boot - start)
        drawn = rng.integers(0, ids.size, size=(draws, ids.size)) + ids.size * np.arange(draws)[:, None]
        times = np.bincount(drawn.ravel(), minlength=draws * ids.size).reshape(draws, ids.size).astype(np.float64)
        with np.errstate(invalid="ignore"):
            means.append((times @ sums) / (times @ sizes))
    nonempty = sizes.any(axis=0)
    low, high, mean = (np.full(values.shape[1], np.nan) for _ in range(3))
    bounds = [(1 - level) / 2, (1 + level) / 2]
    low[nonempty], high[nonempty] = np.nanquantile(np.concatenate(means)[:, nonempty], bounds, axis=0)
    mean[nonempty] = sums[:, nonempty].sum(axis=0) / sizes[:, nonempty].sum(axis=0)
    users = np.count_nonzero(sizes, axis=0)
    columns = zip(mean.tolist(), low.tolist(), high.tolist(), users.tolist(), strict=True)
    return [Interval(m, lo, hi, n) for m, lo, hi, n in columns]


def make_catalogue(profiles: pd.DataFrame, shown: Iterable[str]) -> Catalogue:
    """The catalogue of the products as of each cut-off.

    Args:
        profiles: cutoff, product_id, buyers, n_users (known users as of the cut-off), categories (list of strings),
            vector (list of floats or None); vector and categories are those of the newest cut-off.
        shown: ids of products that need a number even if no profile has them.
    """
    products = pd.Index(sorted({*profiles["product_id"], *shown}), dtype=object)
    sizes: dict[date, int] = {}
    bits: dict[date, Floats] = {}
    for cutoff in sorted(set(profiles["cutoff"])):
        rows = profiles[profiles["cutoff"] == cutoff]
        buyers = np.zeros(len(products))
        buyers[products.get_indexer(pd.Index(rows["product_id"]))] = rows["buyers"]
        # Add-one smoothing: a product that nobody has yet is rare, not impossible.
        bits[cutoff] = -np.log2(np.minimum((buyers + 1) / (rows["n_users"].iloc[0] + 1), 1.0)) + 0.0
        sizes[cutoff] = len(rows)
    newest = profiles[profiles["cutoff"] == profiles["cutoff"].max()]
    at = products.get_indexer(pd.Index(newest["product_id"]))
    vectors = None
    has_vector = newest["vector"].notna().to_numpy()
    if has_vector.any():
        present = np.stack([np.asarray(v, dtype=np.float32) for v in newest["vector"][has_vector]])
        vectors = np.zeros((len(products), present.shape[1]), dtype=np.float32)
        vectors[at[has_vector]] = present
    sets: dict[frozenset[str], int] = {frozenset(): 0}
    categories = np.zeros(len(products), dtype=np.int64)
    for number, levels in zip(at, newest["categories"], strict=True):
        categories[number] = sets.setdefault(frozenset(levels), len(sets))
    return Catalogue(products, sizes, bits, vectors, categories, _jaccard(list(sets)))


def _jaccard(sets: Sequence[frozenset[str]]) -> Floats:
    """[n, n] 1 - |A & B| / |A | B|; two empty sets have distance 0."""
    names = {name: i for i, name in enumerate(sorted(set().union(*sets)))}
    member = np.zeros((len(sets), len(names)))
    for i, categories in enumerate(sets):
        member[i, [names[name] for name in categories]] = 1
    both = member @ member.T
    either = member.sum(axis=1)[:, None] + member.sum(axis=1) - both
    return np.asarray(1 - np.divide(both, either, out=np.ones_like(both), where=either > 0))


def _numbers(products: pd.Series[Any], place: Ints, n_users: int, catalogue: Catalogue) -> Ints:
    shown = np.full((n_users, K), -1, dtype=np.int64)
    lists = [list(p[:K]) for p in products]
    flat = catalogue.products.get_indexer(pd.Index([p for first in lists for p in first], dtype=object))
    lengths = np.array([len(first) for first in lists], dtype=np.int64)
    column = np.arange(flat.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shown[np.repeat(place, lengths), column] = flat
    return shown


def _novelty(shown: Ints, bits: Floats) -> Floats:
    """[n] mean of the bits of each list (`libs.evaluation.beyond_accuracy.novelty`); NaN for an empty list."""
    length = (shown >= 0).sum(axis=1)
    total = np.where(shown >= 0, bits[shown], 0.0).sum(axis=1)
    return np.asarray(np.divide(total, length, out=np.full(len(shown), np.nan), where=length > 0))


def _diversity(shown: Ints, catalogue: Catalogue) -> Floats:
    """[n] mean pairwise distance in each list, by text vectors if the shop has any, else by categories."""
    result, length = np.full(len(shown), np.nan), (shown >= 0).sum(axis=1)
    for n in range(2, shown.shape[1] + 1):
        rows = np.flatnonzero(length == n)
        for part in (rows[i : i + _CHUNK] for i in range(0, rows.size, _CHUNK)):
            numbers = shown[part, :n]
            if catalogue.vectors is not None:
                result[part] = intra_list_diversity(catalogue.vectors[numbers])
            else:
                codes = catalogue.categories[numbers]
                pairs = catalogue.distances[codes[:, :, None], codes[:, None, :]]
                # A product has distance 0 to itself, so the diagonal adds nothing.
                result[part] = pairs.sum(axis=(1, 2)) / (n * (n - 1))
    return result


def _row(name: str, metric: str, k: int, value: float | None, users: int, low: float | None = None,
         high: float | None = None, verdict: str | None = None) -> dict[str, Any]:  # fmt: skip
    return {"list": name, "metric": metric, "k": k, "value": value, "low": low, "high": high, "users": users,
            "verdict": verdict}  # fmt: skip

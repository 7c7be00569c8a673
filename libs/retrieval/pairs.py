"""Pairs of products: counted over steps and baskets in NumPy, summed exactly, then used as one sparse matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.sparse import csr_matrix

from libs.arrays import Floats, Ints
from libs.job import JobContext
from libs.retrieval.candidates import (
    SCHEMA,
    UserList,
    as_batch,
    best_items,
    by_cutoff,
    greatest_shares,
    taken,
    users_to_serve,
)

# Counts are whole numbers, so that their sums do not depend on the order of partitions: the weight of a gap in whole
# millionths times the weight of an age in whole ten-thousandths. A user's sums stay below 2^53, exact in float64.
GAP_POINTS, AGE_POINTS = 1_000_000, 10_000
UNIT = GAP_POINTS * AGE_POINTS


@dataclass(frozen=True)
class Counts:
    """Pairs: weight in `UNIT`s, support (users; baskets for pairs inside a basket), and number of known users."""

    anchor: Ints
    item: Ints
    weight: Ints
    support: Ints
    people: Ints


def age_points(age_days: Ints, half_life_days: float | None) -> Ints:
    """2^(-age / half-life) in whole ten-thousandths, at least 1; all of `AGE_POINTS` without a half-life.

    >>> age_points(np.array([0, 14, 28, 9999]), 14).tolist(), age_points(np.array([7]), None).tolist()
    ([10000, 5000, 2500, 1], [10000])
    """
    if half_life_days is None:
        return np.full(len(age_days), AGE_POINTS)
    points: Ints = np.maximum(np.rint(AGE_POINTS * 0.5 ** (age_days / half_life_days)), 1).astype(np.int64)
    return points


def gap_points(steps: int, decay: float, reverse: float, most_steps: int) -> tuple[Floats, Floats]:
    """([s, s], [s, s]): the weight of (anchor at step i, product at step j) in whole millionths, and 1 where i < j.

    decay^(gap - 1) for a product `gap` steps after the anchor, `reverse` times that for one before it;
    0 inside a step and beyond `most_steps`.
    """
    place = np.arange(steps)
    gap = place[None, :] - place[:, None]
    near = (gap != 0) & (np.abs(gap) <= most_steps)
    weight = np.where(near, decay ** (np.abs(gap) - 1.0), 0.0) * np.where(gap > 0, 1.0, reverse)
    return np.rint(GAP_POINTS * weight), ((gap > 0) & near).astype(np.float64)


def step_pairs(items: Ints, steps: Ints, ages: Ints, weights: Floats, forward: Floats) -> tuple[Counts, Counts]:
    """One user's pairs across steps, and those inside a step; a product does not pair with itself.

    The latter only add one known user to a pair: its weight comes from baskets, including those of guests.

    Args:
        items: [e] products.
        steps: [e] step of each, ascending from 0.
        ages: [e] `age_points` of each: a pair's weight decays with the age of its product's event.
        weights, forward: `gap_points` of at least as many steps.
    """
    kinds, place = np.unique(items, return_inverse=True)
    length = int(steps[-1]) + 1
    present = np.zeros((length, len(kinds)))
    present[steps, place] = 1
    aged = np.zeros_like(present)
    aged[steps, place] = ages
    weight = present.T @ (weights[:length, :length] @ aged)
    support = (present.T @ (forward[:length, :length] @ present)) > 0
    inside = present.T @ present
    np.fill_diagonal(weight, 0)
    np.fill_diagonal(inside, 0)
    row, column = np.nonzero(weight)
    after = support[row, column].astype(np.int64)
    over = Counts(kinds[row], kinds[column], weight[row, column].astype(np.int64), after, after)
    row, column = np.nonzero(inside)
    none = np.zeros(len(row), np.int64)
    return over, Counts(kinds[row], kinds[column], none, none, none + 1)


def summed(pairs: Counts) -> Counts:
    """The same pairs, each once, in ascending (anchor, item)."""
    if not len(pairs.anchor):
        return pairs
    # Sorting one number for both ends (small if anchors are close) takes fewer passes than sorting by each end.
    first, width = pairs.anchor.min(), pairs.item.max() + 1
    ends = (pairs.anchor - first) * width + pairs.item
    order = order_of(ends)
    ends = ends[order]
    start = np.flatnonzero(np.diff(ends, prepend=-1))
    anchor, item = np.divmod(ends[start], width)
    sums = [np.add.reduceat(getattr(pairs, name)[order], start) for name in ("weight", "support", "people")]
    return Counts(anchor + first, item, *sums)


def joined(parts: Sequence[Counts]) -> Counts:
    """Concatenates the parts."""
    return Counts(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Counts)))


def order_of(numbers: Ints) -> Ints:
    """The stable ascending order of non-negative integers.

    NumPy sorts 16-bit integers by radix, five times as fast as by comparison.

    >>> order_of(np.array([70_000, 2, 70_000, 5 << 40, 1])).tolist()
    [4, 1, 0, 2, 3]
    """
    order: Ints = np.argsort(numbers.astype(np.uint16), kind="stable")
    while (numbers := numbers >> 16).any():
        order = order[np.argsort(numbers.astype(np.uint16)[order], kind="stable")]
    return order


def basket_pairs(indptr: Ints, items: Ints, ages: Ints, n_items: int) -> Counts:
    """Pairs inside baskets, both ways: basket b holds items[indptr[b]:indptr[b + 1]], each once, and has one age."""
    shape = (len(indptr) - 1, n_items)
    present = csr_matrix((np.ones(len(items), np.int64), items, indptr), shape=shape)
    aged = csr_matrix((np.repeat(ages * GAP_POINTS, np.diff(indptr)), items, indptr), shape=shape)
    weight, support = (present.T @ aged).tocsr(), (present.T @ present).tocsr()
    weight.sort_indices()
    support.sort_indices()
    anchor = np.repeat(np.arange(n_items), np.diff(weight.indptr))
    item, other = weight.indices.astype(np.int64), anchor != weight.indices
    none = np.zeros(np.count_nonzero(other), np.int64)
    return Counts(anchor[other], item[other], weight.data[other], support.data[other], none)


@dataclass(frozen=True)
class Matrix:
    """Weights of (anchor, item) as CSR over `products`: how much a history item adds to the score of each product."""

    products: pa.Array
    indptr: Ints
    items: Ints
    weights: Floats


def linear_list(history: Ints, lent: Floats, matrix: Matrix, size: int) -> UserList:
    """A list whose scores are sums over the history, and the exact share of each history item.

    score(i) = sum_j lent(j) * weight(j, i); the share of j is its term over the sum, so that shares add up to 1.

    Args:
        history: [h] distinct items, ascending.
        lent: [h] weight of each.
    """
    start = matrix.indptr[history]
    length = matrix.indptr[history + 1] - start
    source = np.repeat(np.arange(len(history)), length)
    place = np.arange(len(source)) - np.repeat(np.cumsum(length) - length, length) + np.repeat(start, length)
    item, part = matrix.items[place], matrix.weights[place] * lent[source]
    totals: Floats = np.bincount(item, weights=part, minlength=len(matrix.indptr) - 1).astype(np.float64)
    top = best_items(totals, size)
    column = np.full(len(totals), -1)
    column[top] = np.arange(len(top))
    listed = column[item] >= 0
    parts = np.zeros((len(history), len(top)))
    parts[source[listed], column[item[listed]]] = part[listed]
    attributions, shares = greatest_shares(history, parts / totals[top])
    return UserList(top, totals[top], attributions, shares)


def linear_lists(ctx: JobContext, kind: str, step_decay: float, size: int) -> DataFrame:
    """Lists (`candidates.SCHEMA`) of all users to serve by one kind of pairs.

    Pairs reach the driver one cut-off at a time, as integers; together they are as large as the catalogue.
    """
    pairs = ctx.read_cutoffs("features.item_pairs", (ctx.as_of, *ctx.run.folds)).where(F.col("kind") == kind)
    found = {}
    for day in (ctx.as_of, *ctx.run.folds):
        own = pairs.where(F.col("cutoff") == F.lit(day))
        found[day] = matrix(own.select("anchor", "product_id", "weight").toArrow())
    shared = ctx.broadcast(found)
    lister = LinearLister(shared, step_decay, size)
    return users_to_serve(ctx).select("cutoff", "user_id", "events").mapInArrow(lister, SCHEMA)


def matrix(pairs: pa.Table) -> Matrix:
    """From rows anchor, product_id, weight in any order."""
    names = {name for column in ("anchor", "product_id") for name in pairs[column].unique().to_pylist()}
    products = pa.array(sorted(names), pa.string())
    anchor, item = (_numbers(pairs[name], products) for name in ("anchor", "product_id"))
    order = np.argsort(anchor << 32 | item)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(anchor, minlength=len(products)))])
    return Matrix(products, indptr, item[order], pairs["weight"].to_numpy()[order])


def _numbers(column: pa.ChunkedArray, products: pa.Array) -> Ints:
    found: Ints = np.asarray(pc.index_in(column, products).to_numpy(), dtype=np.int64)
    return found


@dataclass(frozen=True)
class LinearLister:
    """Arrow function: rows of features.user_history -> lists (`candidates.SCHEMA`) by a matrix of pairs.

    A history item has the weight decay^(steps to the user's last step), summed over its occurrences.
    """

    shared: Broadcast[Mapping[date, Matrix]]
    step_decay: float
    size: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for cutoff, users in by_cutoff(batch):
                found = self.shared.value[cutoff]
                events = taken(users, found.products)
                lent = self.step_decay**events.steps_back
                lists = []
                for user in range(users.num_rows):
                    own = events.of(user)
                    history, place = np.unique(events.items[own], return_inverse=True)
                    weights = np.bincount(place, weights=lent[own], minlength=len(history)).astype(np.float64)
                    lists.append(linear_list(history, weights, found, self.size))
                yield as_batch(users, lists, found.products)

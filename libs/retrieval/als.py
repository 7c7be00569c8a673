"""Arrow functions for implicit matrix factorisation (ALS): histories to ratings, and ratings with factors to lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
from pyspark import Broadcast

from libs.arrays import Floats, Ints
from libs.models.score import als_shares, als_user_factors
from libs.retrieval.candidates import Taken, UserList, as_batch, by_cutoff, greatest_shares, taken
from libs.retrieval.nearest import Search, Searches
from libs.retrieval.pairs import AGE_POINTS, age_points

RATINGS = "cutoff date, user_id string, id int, rating int"
TENTHS = 10  # ratings are whole tenths of an event: MLlib's sums then start from the same integers on every cluster
_BLOCK = 256  # users whose shares are computed at once

Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class RatingRule:
    """rating = the user's events with the product, halved every `half_life_days`, in whole tenths, 1 to 10 * `most`."""

    half_life_days: float | None
    most: float

    def ratings(self, events: Taken) -> tuple[Ints, Ints, Ints]:
        """Users' ratings in CSR form: (indptr, items, ratings), items of a user ascending."""
        user = np.repeat(np.arange(len(events.indptr) - 1), np.diff(events.indptr))
        points = age_points(events.age_days, self.half_life_days)
        pairs, place = np.unique(np.stack([user, events.items]), axis=1, return_inverse=True)
        sums = np.bincount(np.ravel(place), weights=points, minlength=pairs.shape[1])  # of integers: exact
        rating = np.clip(np.rint(sums * TENTHS / AGE_POINTS), 1, round(TENTHS * self.most)).astype(np.int64)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(pairs[0], minlength=len(events.indptr) - 1))])
        return indptr.astype(np.int64), pairs[1], rating


@dataclass(frozen=True)
class RatingReader:
    """Rows of features.user_history -> `RATINGS`, ids of the cut-off's vocabulary (products in id order)."""

    vocabularies: Broadcast[Mapping[date, pa.Array]]
    rule: RatingRule

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            for cutoff, users in by_cutoff(batch):
                indptr, items, ratings = self.rule.ratings(taken(users, self.vocabularies.value[cutoff]))
                row = pa.array(np.repeat(np.arange(users.num_rows), np.diff(indptr)))
                yield pa.RecordBatch.from_arrays(
                    [
                        users.column("cutoff").take(row),
                        users.column("user_id").take(row),
                        pa.array(items + 1, pa.int32()),
                        pa.array(ratings, pa.int32()),
                    ],
                    names=["cutoff", "user_id", "id", "rating"],
                )


@dataclass(frozen=True)
class Factors:
    """A fitted model: `products`, their factors `items` [n, d] in the same order, alpha per tenth, MLlib's regParam."""

    products: pa.Array
    items: Floats
    alpha: float
    reg: float
    rule: RatingRule

    @cached_property
    def gram(self) -> Floats:
        """items' items, [d, d]; computed once per worker, not per user."""
        return self.items.T @ self.items


@dataclass(frozen=True)
class AlsLister:
    """Arrow function: rows of features.user_history -> lists (`candidates.SCHEMA`), each cut-off with its own model."""

    models: Broadcast[Mapping[date, Factors]]
    size: int
    searches: Searches

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            for cutoff, users in by_cutoff(batch):
                model, search = self.models.value[cutoff], self.searches.of(cutoff)
                indptr, items, ratings = model.rule.ratings(taken(users, model.products))
                for start in range(0, users.num_rows, _BLOCK):
                    block, own = users.slice(start, _BLOCK), indptr[start : start + _BLOCK + 1]
                    inside = slice(own[0], own[-1])
                    found = als_lists(model, own - own[0], items[inside], ratings[inside], self.size, search)
                    yield as_batch(block, found, model.products)


def als_lists(model: Factors, indptr: Ints, items: Ints, ratings: Ints, size: int, search: Search) -> list[UserList]:
    """Each user's products with the greatest scores above 0, with their attributions; CSR as in `RatingRule`.

    Users are folded in: their factors are solved from their history and the products' factors, so that the history as
    of the cut-off counts, no matter when the model was fitted.
    """
    counts: Floats = ratings.astype(np.float64)
    users = als_user_factors(model.items, indptr, items, counts, model.alpha, model.reg, model.gram)
    found, scores = search.top_k(users, model.items, size)
    kept = scores > 0
    length = kept.sum(axis=1)
    pair_users, pair_items = np.repeat(np.arange(len(users)), length), found[kept]
    _, shares = als_shares(
        model.items, indptr, items, counts, model.alpha, model.reg, pair_users, pair_items, model.gram
    )
    lists, place = [], 0
    for user, n in enumerate(length.tolist()):
        history = items[indptr[user] : indptr[user + 1]]
        own = shares[place : place + n * len(history)].reshape(n, len(history))
        place += n * len(history)
        lists.append(UserList(found[user, :n], scores[user, :n].astype(np.float64), *greatest_shares(history, own.T)))
    return lists

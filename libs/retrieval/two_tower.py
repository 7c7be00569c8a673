"""Arrow function for the two-tower network: histories and profiles to lists with attributions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from pyspark import Broadcast

from libs.arrays import Float32s, Floats, Ints
from libs.models.files import Arrays
from libs.models.score import two_tower_users
from libs.retrieval.candidates import Taken, UserList, as_batch, by_cutoff, greatest_shares, taken
from libs.retrieval.nearest import Search, Searches

HISTORY = 20  # history slots that a model reads
_BLOCK = 256  # users whose scores without each history item are held at once


@dataclass(frozen=True)
class TwoTowerLister:
    """Rows (cutoff, user_id, events, profile) -> lists (`candidates.SCHEMA`), each cut-off with its own model.

    `models` maps a cut-off to the products in the order of the model's ids, and to its serving arrays.
    """

    models: Broadcast[Mapping[date, tuple[pa.Array, Arrays]]]
    size: int
    searches: Searches

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for cutoff, users in by_cutoff(batch):
                products, arrays = self.models.value[cutoff]
                history, age = last_slots(taken(users, products))
                for start in range(0, users.num_rows, _BLOCK):
                    block, rows = users.slice(start, _BLOCK), slice(start, start + _BLOCK)
                    profile = np.stack([np.asarray(row, np.float32) for row in block.column("profile").to_pylist()])
                    found = lists(arrays, history[rows], age[rows], profile, self.size, self.searches.of(cutoff))
                    yield as_batch(block, found, products)


def last_slots(events: Taken) -> tuple[Ints, Float32s]:
    """(ids [u, HISTORY], days before the cut-off [u, HISTORY]) of each user's last events, 0-padded at the front."""
    users = len(events.indptr) - 1
    history, age = np.zeros((users, HISTORY), np.int64), np.zeros((users, HISTORY), np.float32)
    length = np.diff(events.indptr)
    user = np.repeat(np.arange(users), length)
    from_end = events.indptr[1:][user] - np.arange(len(user))  # 1 for the last
    kept = from_end <= HISTORY
    history[user[kept], HISTORY - from_end[kept]] = events.items[kept] + 1
    age[user[kept], HISTORY - from_end[kept]] = events.age_days[kept]
    return history, age


def lists(
    arrays: Arrays,
    history: Ints,
    age: Float32s,
    profile: Float32s,
    size: int,
    search: Search,
) -> list[UserList]:
    """Each user's products with the greatest logits; scores are exp(logit - greatest logit), so 1 for the first.

    A history item's share is the fraction of that score that is lost if the item is removed from all its slots and all
    products are scored again without it. Arrays as in `score.two_tower_users`.
    """
    products = np.ascontiguousarray(arrays["item_vectors"][1:])
    users = two_tower_users(arrays, history, age, profile)
    found, logits = search.top_k(users, products, min(size, len(products)))
    scores: Floats = np.exp(logits.astype(np.float64) - logits[:, :1])
    shares = np.zeros((len(users), HISTORY, found.shape[1]))
    for slot in range(HISTORY):
        own = history[:, slot]
        twin = (history[:, slot + 1 :] == own[:, None]).any(axis=1)
        some = np.flatnonzero((own > 0) & ~twin)
        if not len(some):
            continue
        without = np.where(history[some] == own[some, None], 0, history[some])
        other = two_tower_users(arrays, without, age[some], profile[some])
        listed = np.einsum("ud,ukd->uk", other, products[found[some]])
        greatest = np.maximum(search.greatest(other, products), listed.max(axis=1))
        left = np.exp(listed - greatest[:, None])
        shares[some, slot] = np.clip(1 - left / scores[some], 0, 1)
    return [UserList(found[u], scores[u], *greatest_shares(history[u] - 1, shares[u])) for u in range(len(users))]

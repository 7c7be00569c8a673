"""Arrow functions of products.item_pairs: count pairs part by part, then sum and weigh them by anchor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast

from libs.arrays import Floats, Ints
from libs.retrieval.candidates import best_items, by_cutoff, taken
from libs.retrieval.pairs import (
    UNIT,
    Counts,
    age_points,
    basket_pairs,
    gap_points,
    joined,
    order_of,
    step_pairs,
    summed,
)

PARTS = "kind string, cutoff date, shelf int, form string, runs binary, pairs binary"
PARTS_COLUMNS = ("kind", "cutoff", "shelf", "form", "runs", "pairs")
# Pairs travel as the bytes of arrays, those of all anchors of one shelf (neighbours in the vocabulary) in a row: Spark
# copies rows whole, and has far fewer of them than there are anchors. No pair has more bytes than it needs: a night
# shuffles more of them than of anything else. `runs` says which anchor has how many of the pairs. By form: `steps`, a
# user's pairs over steps (`weight` twice the weight, and 1 more where the user stands behind the pair), `inside`, a
# user's pairs in one step, and `baskets`.
_RUNS = np.dtype([("anchor", "<i4"), ("pairs", "<i4")])
_FORMS = {
    "steps": np.dtype([("item", "<i4"), ("weight", "<i8")]),
    "inside": np.dtype([("item", "<i4")]),
    "baskets": np.dtype([("item", "<i4"), ("weight", "<i8"), ("support", "<i4")]),
}
_KINDS = {"steps": "transition", "inside": "together", "baskets": "together"}
PAIRS = (
    "cutoff date, kind string, anchor string, product_id string, weight double, support bigint, people bigint,"
    " lift double"
)
_PENDING = 4_000_000  # pairs that a task holds before it hands them on

Batches = Iterator[pa.RecordBatch]
Pending = Mapping[tuple[str, date], list[Counts]]  # by form and cut-off
Part = tuple[bytes, bytes]  # runs, pairs


@dataclass(frozen=True)
class Frequencies:
    """How many users (`transition`) or baskets (`together`) have each product, by (kind, cut-off).

    Attributes:
        products: vocabulary, sorted.
        counts: [products] each, at least 1.
        groups: users or baskets in all.
        pairs: of products in one group, over all groups: what the counters give at most.
    """

    products: pa.Array
    counts: Mapping[tuple[str, date], Floats]
    groups: Mapping[tuple[str, date], int]
    pairs: int

    @classmethod
    def of(cls, rows: pa.Table) -> Frequencies:
        """From rows kind, cutoff, product_id, count, pairs; an empty product_id counts the groups."""
        is_group = pc.equal(rows["product_id"], "")
        named, whole = rows.filter(pc.invert(is_group)), rows.filter(is_group).to_pylist()
        products = pa.array(sorted(named["product_id"].unique().to_pylist()), pa.string())
        groups = {(row["kind"], row["cutoff"]): row["count"] for row in whole}
        counts = {key: np.ones(len(products)) for key in groups}
        for kind in {kind for kind, _ in groups}:
            for cutoff, own in by_cutoff(named.filter(pc.equal(named["kind"], kind))):
                place = pc.index_in(own["product_id"], products).to_numpy()
                counts[kind, cutoff][place] = own["count"].to_numpy()
        return cls(products, counts, groups, pc.sum(named["pairs"]).as_py() or 0)


@dataclass(frozen=True)
class StepCounter:
    """Rows of features.user_history -> `PARTS` of transitions, and of the known users behind pairs in one step.

    Attributes:
        width: anchors to a shelf.
    """

    shared: Broadcast[Frequencies]
    width: int
    kinds: Sequence[str]
    half_life_days: float | None
    step_decay: float
    reverse: float
    most_steps: int

    def __call__(self, batches: Batches) -> Batches:
        pending: dict[tuple[str, date], list[Counts]] = {}
        size = 0
        for batch in batches:
            events = taken(batch, self.shared.value.products, self.kinds)
            ages = age_points(events.age_days, self.half_life_days)
            longest = int(events.steps_back.max(initial=0)) + 1
            weights, forward = gap_points(longest, self.step_decay, self.reverse, self.most_steps)
            for user, cutoff in enumerate(batch.column("cutoff").to_pylist()):
                own = events.of(user)
                back = events.steps_back[own]
                if len(back) < 2:
                    continue
                found = step_pairs(events.items[own], back[0] - back, ages[own], weights, forward)
                for form, counts in zip(("steps", "inside"), found, strict=True):
                    pending.setdefault((form, cutoff), []).append(counts)
                    size += len(counts.item)
                if size > _PENDING:
                    yield from _parts(pending, self.width)
                    pending, size = {}, 0
        yield from _parts(pending, self.width)


@dataclass(frozen=True)
class BasketCounter:
    """Rows cutoff, age_days, products (one a basket) -> `PARTS` of pairs in one basket; `width` anchors to a shelf."""

    shared: Broadcast[Frequencies]
    width: int
    half_life_days: float | None

    def __call__(self, batches: Batches) -> Batches:
        products = self.shared.value.products
        for batch in batches:
            column = batch.column("products")
            items = pc.index_in(column.flatten(), products).to_numpy().astype(np.int64)
            ends = column.offsets.to_numpy().astype(np.int64)
            ends = ends - ends[0]
            ages = age_points(batch.column("age_days").to_numpy().astype(np.int64), self.half_life_days)
            for cutoff, rows in _rows_by(batch.column("cutoff").to_pylist()):
                length = np.diff(ends)[rows]
                indptr = np.concatenate([[0], np.cumsum(length)])
                own = np.repeat(ends[rows] - indptr[:-1], length) + np.arange(indptr[-1])
                counts = basket_pairs(indptr, items[own], ages[rows], len(products))
                yield from _parts({("baskets", cutoff): [counts]}, self.width)


@dataclass(frozen=True)
class Weigher:
    """`PARTS` -> `PAIRS`. All parts of a (kind, cut-off, shelf) must lie in one partition.

    Attributes:
        powers: by kind, of the anchor's and of the product's frequency.
        kept: greatest weights kept of each anchor, ties by product.
    """

    shared: Broadcast[Frequencies]
    powers: Mapping[str, tuple[float, float]]
    kept: int

    def __call__(self, batches: Batches) -> Batches:
        found: dict[tuple[str, date], dict[int, dict[str, list[Part]]]] = {}
        for batch in batches:
            rows = zip(*(batch.column(name).to_pylist() for name in PARTS_COLUMNS), strict=True)
            for kind, cutoff, shelf, form, *part in rows:
                shelves = found.setdefault((kind, cutoff), {})
                shelves.setdefault(shelf, {}).setdefault(form, []).append(tuple(part))
        # Where no basket is known, users' steps give pairs that weigh nothing.
        for kind, cutoff in sorted(found.keys() & self.shared.value.counts.keys()):
            shelves, scale = found.pop((kind, cutoff)), self._scale(kind, cutoff)
            for shelf in sorted(shelves):
                pairs = summed(joined([_unpacked(form, parts) for form, parts in shelves.pop(shelf).items()]))
                if pairs.weight.any():
                    yield self._weighed(kind, cutoff, pairs, scale)

    def _scale(self, kind: str, cutoff: date) -> tuple[Floats, Floats]:
        """What a pair is divided by for its anchor, and for its product: [products] each."""
        anchor, product = (self.shared.value.counts[kind, cutoff] ** power for power in self.powers[kind])
        return anchor, product

    def _weighed(self, kind: str, cutoff: date, pairs: Counts, scale: tuple[Floats, Floats]) -> pa.RecordBatch:
        shared = self.shared.value
        counts, groups = shared.counts[kind, cutoff], shared.groups[kind, cutoff]
        weight = pairs.weight / UNIT / (scale[0][pairs.anchor] * scale[1][pairs.item])
        ends = np.append(np.flatnonzero(np.diff(pairs.anchor, prepend=-1)), len(weight))
        kept = np.concatenate([b + best_items(weight[b:e], self.kept) for b, e in pairwise(ends)])
        anchor, item, support = pairs.anchor[kept], pairs.item[kept], pairs.support[kept]
        columns: dict[str, Any] = {
            "cutoff": pa.array([cutoff] * len(kept), pa.date32()),
            "kind": pa.array([kind] * len(kept), pa.string()),
            "anchor": shared.products.take(pa.array(anchor)),
            "product_id": shared.products.take(pa.array(item)),
            "weight": pa.array(weight[kept]),
            "support": pa.array(support),
            "people": pa.array(pairs.people[kept]),
            "lift": pa.array(support * groups / (counts[anchor] * counts[item])),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _parts(pending: Pending, width: int) -> Batches:
    """One row for each form, cut-off and shelf.

    A pair may stand there several times: users share too few of their pairs for sums to be worth a sort.
    """
    for (form, cutoff), counts in pending.items():
        pairs = joined(counts)
        if not len(pairs.anchor):
            continue
        order = order_of(pairs.anchor)
        packed = np.empty(len(order), _FORMS[form])
        packed["item"] = pairs.item[order]
        if form == "steps":
            packed["weight"] = (2 * pairs.weight + pairs.support)[order]
        elif form == "baskets":
            packed["weight"], packed["support"] = pairs.weight[order], pairs.support[order]
        anchor = pairs.anchor[order]
        start = np.flatnonzero(np.diff(anchor, prepend=-1))
        runs = np.empty(len(start), _RUNS)
        runs["anchor"], runs["pairs"] = anchor[start], np.diff(start, append=len(anchor))
        shelf = anchor[start] // width
        first = np.flatnonzero(np.diff(shelf, prepend=-1))
        columns: list[Any] = [
            pa.array([_KINDS[form]] * len(first), pa.string()),
            pa.array([cutoff] * len(first), pa.date32()),
            pa.array(shelf[first], pa.int32()),
            pa.array([form] * len(first), pa.string()),
            _cut(runs, first),
            _cut(packed, start[first]),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=PARTS_COLUMNS)


def _cut(values: np.ndarray[Any, Any], starts: Ints) -> pa.Array:
    """The bytes of the values from each start to the next."""
    ends = np.append(starts, len(values)) * values.itemsize
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(values.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(starts), buffers)


def _unpacked(form: str, parts: Sequence[Part]) -> Counts:
    runs = np.frombuffer(b"".join(part[0] for part in parts), _RUNS)
    packed = np.frombuffer(b"".join(part[1] for part in parts), _FORMS[form])
    anchor = np.repeat(runs["anchor"].astype(np.int64), runs["pairs"])
    item, none = packed["item"].astype(np.int64), np.zeros(len(packed), np.int64)
    if form == "steps":
        behind = packed["weight"] & 1
        return Counts(anchor, item, packed["weight"] >> 1, behind, behind)
    if form == "inside":
        return Counts(anchor, item, none, none, none + 1)
    return Counts(anchor, item, packed["weight"].astype(np.int64), packed["support"].astype(np.int64), none)


def _rows_by(keys: Sequence[Any]) -> Iterable[tuple[Any, Ints]]:
    """(key, its rows), by key."""
    rows: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return [(key, np.array(rows[key], np.int64)) for key in sorted(rows)]

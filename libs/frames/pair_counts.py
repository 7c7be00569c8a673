"""Arrow functions of products.item_pairs: count pairs part by part, then sum and weigh them by anchor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast

from libs.frames.candidates import Floats, Ints, best_items, by_cutoff, taken
from libs.frames.pairs import UNIT, Counts, age_points, basket_pairs, gap_points, joined, order_of, step_pairs, summed

# Pairs of one anchor travel as the bytes of such an array: Spark then copies them whole, not number by number.
_PACKED = np.dtype([("item", "<i4"), ("support", "<i4"), ("people", "<i4"), ("weight", "<i8")])
PARTS = "kind string, cutoff date, anchor int, pairs binary"
PARTS_COLUMNS = ("kind", "cutoff", "anchor", "pairs")
PAIRS = (
    "cutoff date, kind string, anchor string, product_id string, weight double, support bigint, people bigint,"
    " lift double"
)
_PENDING = 4_000_000  # pairs that a task holds before it hands them on
_BLOCK = 100_000  # pairs that are summed at once, so that they stay in the processor's cache

Batches = Iterator[pa.RecordBatch]


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
    """Rows of features.user_history -> `PARTS` of transitions, and of the known users behind pairs in one step."""

    shared: Broadcast[Frequencies]
    kinds: Sequence[str]
    half_life_days: float | None
    step_decay: float
    reverse: float
    most_steps: int

    def __call__(self, batches: Batches) -> Batches:
        pending: dict[tuple[str, date], list[Counts]] = {}
        size = 0
        for batch in batches:
            events = taken(batch, self.kinds, self.shared.value.products)
            ages = age_points(events.age_days, self.half_life_days)
            longest = int(events.steps_back.max(initial=0)) + 1
            weights, forward = gap_points(longest, self.step_decay, self.reverse, self.most_steps)
            for user, cutoff in enumerate(batch.column("cutoff").to_pylist()):
                own = events.of(user)
                back = events.steps_back[own]
                if len(back) < 2:
                    continue
                found = step_pairs(events.items[own], back[0] - back, ages[own], weights, forward)
                for kind, counts in zip(("transition", "together"), found, strict=True):
                    pending.setdefault((kind, cutoff), []).append(counts)
                    size += len(counts.item)
                if size > _PENDING:
                    yield from _parts(pending)
                    pending, size = {}, 0
        yield from _parts(pending)


@dataclass(frozen=True)
class BasketCounter:
    """Rows cutoff, age_days, products (one a basket) -> `PARTS` of pairs in one basket."""

    shared: Broadcast[Frequencies]
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
                yield from _parts({("together", cutoff): [counts]})


@dataclass(frozen=True)
class Weigher:
    """`PARTS` -> `PAIRS`. All parts of a (kind, cut-off, anchor) must lie in one partition.

    Attributes:
        powers: by kind, of the anchor's and of the product's frequency.
        kept: greatest weights kept of each anchor, ties by product.
    """

    shared: Broadcast[Frequencies]
    powers: Mapping[str, tuple[float, float]]
    kept: int

    def __call__(self, batches: Batches) -> Batches:
        found: dict[tuple[str, date], list[tuple[int, bytes]]] = {}
        for batch in batches:
            kinds, cutoffs, anchors, pairs = (batch.column(name).to_pylist() for name in PARTS_COLUMNS)
            for kind, cutoff, anchor, own in zip(kinds, cutoffs, anchors, pairs, strict=True):
                found.setdefault((kind, cutoff), []).append((anchor, own))
        # Where no basket is known, users' steps give pairs that weigh nothing.
        for kind, cutoff in sorted(found.keys() & self.shared.value.counts.keys()):
            parts = sorted(found.pop((kind, cutoff)), key=itemgetter(0))
            scale = self._scale(kind, cutoff)
            for block in _blocks(parts):
                pairs = summed(block)
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


def _parts(pending: Mapping[tuple[str, date], list[Counts]]) -> Batches:
    """One row for each kind, cut-off and anchor, its pairs as bytes: far fewer rows to shuffle than pairs.

    A pair may stand there several times: users share too few of their pairs for sums to be worth a sort.
    """
    for (kind, cutoff), counts in pending.items():
        pairs = joined(counts)
        if not len(pairs.anchor):
            continue
        order = order_of(pairs.anchor)
        packed = np.empty(len(order), _PACKED)
        for name in _PACKED.names or ():
            packed[name] = getattr(pairs, name)[order]
        anchor = pairs.anchor[order]
        start = np.flatnonzero(np.diff(anchor, prepend=-1))
        size, pieces = _PACKED.itemsize, packed.tobytes()
        ends = pairwise([*(start * size).tolist(), len(pieces)])
        columns: list[Any] = [
            pa.array([kind] * len(start), pa.string()),
            pa.array([cutoff] * len(start), pa.date32()),
            pa.array(anchor[start], pa.int32()),
            pa.array([pieces[begin:end] for begin, end in ends], pa.binary()),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=PARTS_COLUMNS)


def _blocks(parts: Sequence[tuple[int, bytes]]) -> Iterator[Counts]:
    """The pairs of (anchor, its `_PACKED` pairs) rows in ascending order; all pairs of an anchor in one block."""
    begin = size = 0
    for place, (anchor, own) in enumerate(parts, 1):
        size += len(own) // _PACKED.itemsize
        if place == len(parts) or (size > _BLOCK and parts[place][0] != anchor):
            anchors, pieces = zip(*parts[begin:place], strict=True)
            pairs = np.frombuffer(b"".join(pieces), _PACKED)
            each = [len(piece) // _PACKED.itemsize for piece in pieces]
            values = (pairs[name].astype(np.int64) for name in ("item", "weight", "support", "people"))
            yield Counts(np.repeat(np.array(anchors, np.int64), each), *values)
            begin, size = place, 0


def _rows_by(keys: Sequence[Any]) -> Iterable[tuple[Any, Ints]]:
    """(key, its rows), by key."""
    rows: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return [(key, np.array(rows[key], np.int64)) for key in sorted(rows)]

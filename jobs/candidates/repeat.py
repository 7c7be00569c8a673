"""What a user comes back to.

One row of candidates.repeat is a product that the user has taken, as of one cut-off. Its score is how often the user
took it (by day, halved every `half_life_days`), times how much all take it of late, times its rhythm: taken so lately
that it is not due, it counts less. Each product is carried by itself alone. A shop where nothing is bought twice has no
such lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext
from libs.retrieval.candidates import (
    SCHEMA,
    Floats,
    Ints,
    UserList,
    as_batch,
    best_items,
    by_cutoff,
    greatest_shares,
    popularity,
    taken,
    users_to_serve,
)


@dataclass(frozen=True)
class Params:
    """What brings a product back.

    half_life_days: of the user's own events. recent_half_life_days: of everybody's.
    popularity_power: of everybody's decayed count; 0 leaves it out, and seasons with it.
    rhythm_power: of how due a product is; 0 leaves rhythm out.
    size: candidates of a user.
    """

    half_life_days: float = 180.0
    recent_half_life_days: float = 14.0
    popularity_power: float = 0.4
    rhythm_power: float = 0.25
    size: int = 100


def run(ctx: JobContext) -> None:
    comes_back = ctx.shop.repurchasable
    lists = repeats(ctx, ctx.params(Params)) if comes_back else ctx.spark.createDataFrame([], SCHEMA)
    ctx.write("candidates.repeat", lists.withColumn("shop", F.lit(ctx.shop.name)))


def repeats(ctx: JobContext, params: Params) -> DataFrame:
    """The lists of all users to serve."""
    kinds, cutoffs = ctx.shop.acquiring_kinds, (ctx.as_of, *ctx.run.folds)
    days, history = ctx.read("features.product_days"), ctx.read("features.user_history")
    recent = popularity(days, history, cutoffs, params.recent_half_life_days, kinds)
    shared = ctx.broadcast(by_product(recent.toArrow()))
    lister = RepeatLister(shared, kinds, params, ctx.shop.evaluation.horizon_days)
    return users_to_serve(ctx).select("cutoff", "user_id", "events").mapInArrow(lister, SCHEMA)


def by_product(recent: pa.Table) -> tuple[pa.Array, dict[date, Floats]]:
    """(vocabulary, each cut-off's points of its products) from rows of `popularity`."""
    products = pa.array(sorted(recent["product_id"].unique().to_pylist()), pa.string())
    points = {}
    for cutoff, rows in by_cutoff(recent):
        points[cutoff] = np.zeros(len(products))
        points[cutoff][pc.index_in(rows["product_id"], products).to_numpy()] = rows["points"].to_numpy()
    return products, points


@dataclass(frozen=True)
class RepeatLister:
    """Arrow function: rows of features.user_history -> lists (`candidates.SCHEMA`)."""

    shared: Broadcast[tuple[pa.Array, dict[date, Floats]]]
    kinds: Sequence[str]
    params: Params
    horizon_days: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        products, points = self.shared.value
        for batch in batches:
            events = taken(batch, products, self.kinds)
            lists = []
            for user, cutoff in enumerate(batch.column("cutoff").to_pylist()):
                own = events.of(user)
                items, scores = own_scores(
                    events.items[own], events.age_days[own], points[cutoff], self.params, self.horizon_days
                )
                top = best_items(scores, self.params.size)
                # Without its own events a product is not in the list at all.
                attributions, shares = greatest_shares(items[top], np.eye(len(top)))
                lists.append(UserList(items[top], scores[top], attributions, shares))
            yield as_batch(batch, lists, products)


def own_scores(items: Ints, ages: Ints, points: Floats, params: Params, horizon_days: int) -> tuple[Ints, Floats]:
    """(distinct items ascending, score of each) of one user.

    count = sum over the days the product was taken of 2^(-age / half life).
    due = (days since the last time + half the horizon, the middle of what the list is for) / usual gap, at most 1;
    usual gap = the mean of the product's own gaps and, as one gap more, the user's median gap between any days of
    taking, so that a product taken once has the user's rhythm, and one taken often its own.
    score = count * points^popularity_power * due^rhythm_power.

    Args:
        items, ages: [e] product and age in days of each event.
        points: [products] everybody's decayed counts.
    """
    pairs = np.unique(np.stack([items, ages]), axis=1)
    kinds, place, days = np.unique(pairs[0], return_inverse=True, return_counts=True)
    place = np.ravel(place)
    count = np.bincount(place, weights=0.5 ** (pairs[1] / params.half_life_days))
    newest, oldest = np.full(len(kinds), np.inf), np.zeros(len(kinds))
    np.minimum.at(newest, place, pairs[1])
    np.maximum.at(oldest, place, pairs[1])
    due = np.ones(len(kinds))
    gaps = np.diff(np.unique(ages))
    if len(gaps):
        usual = (oldest - newest + np.median(gaps)) / days
        due = np.minimum((newest + horizon_days / 2) / usual, 1.0)
    return kinds, count * points[kinds] ** params.popularity_power * due**params.rhythm_power

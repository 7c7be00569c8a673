"""What users took after a cut-off, and what the lists of that cut-off would have shown them.

A fold of the back-test is a cut-off whose targets are looked at: candidates and histories are the ordinary snapshots as
of that day. Two targets: `all`, every product taken, and `first`, only products the user did not know before the
cut-off (known products then leave the lists too). A product that the user disliked or gave back inside the window is no
target: a list that showed it would have done the user no service.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.arrays import Floats, Ints
from libs.conf.shop import ShopConf
from libs.features.history import familiar_products
from libs.ranking.fusion import FusionWeights, score
from libs.spark.columns import once

FINAL = "final"
_USER = ["cutoff", "user_id"]
_LISTS = "cutoff date, user_id string, target string, list string, products array<string>, hits array<int>"

Weights = Mapping[date, Mapping[str, FusionWeights]]


def targets(events: DataFrame, cutoffs: Collection[date], horizon_days: int, shop: ShopConf) -> DataFrame:
    """What each user took and kept in [cutoff, cutoff + horizon), as far as the shop knew of it by the window's end.

    Not what the latest review of the window dislikes, nor purchases of the window that were wholly given back in it.

    Both clocks end with the window: the targets of a fold are then the same whenever they are looked at, and weights
    fitted on them have not seen the next window.

    Returns:
        cutoff, user_id, taken (array<string>, sorted, distinct). Guests are left out.
    """
    length = timedelta(days=horizon_days)
    inside = F.filter(
        F.array(*[F.lit(day) for day in sorted(set(cutoffs))]),
        lambda cutoff: (
            (F.col("event_day") >= cutoff)
            & (F.col("event_day") < F.date_add(cutoff, horizon_days))
            & (F.col("day") < F.date_add(cutoff, horizon_days))
        ),
    )
    kind, pieces = F.col("kind"), F.col("quantity").cast("bigint")
    rated, given_back = F.col("rating").isNotNull(), kind == "return"
    # Of equal instants the worse review counts, as in a ledger.
    newest_first = F.struct("event_time", (-F.col("rating")).alias("worse"))
    returns = F.collect_list(F.when(given_back, F.struct("purchase_time", pieces.alias("pieces"))))
    back = F.aggregate(
        F.filter("returns", lambda r: F.array_contains("times", r["purchase_time"])),
        F.lit(0).cast("bigint"),
        lambda total, r: total + r["pieces"],
    )
    kept = F.col("pieces").isNull() | (F.col("pieces") > back)
    liked = F.col("stars").isNull() | (F.col("stars") > shop.dislikes_to)
    return (
        # The plain comparison lets Delta skip files; the filter above decides.
        events.where(F.col("event_day").between(min(cutoffs), max(cutoffs) + length))
        .where(kind.isin(*shop.acquiring_kinds, "review", "return") & F.col("user_id").isNotNull())
        .withColumn("cutoff", F.explode(inside))
        .repartition(*_USER)
        .groupBy(*_USER, "product_id")
        .agg(
            F.max(kind.isin(*shop.acquiring_kinds)).alias("acquired"),
            F.max_by("rating", F.when(rated, newest_first)).alias("stars"),
            F.sum(F.when(kind == "purchase", pieces)).alias("pieces"),
            F.collect_set(F.when(kind == "purchase", F.col("event_time"))).alias("times"),
            returns.alias("returns"),
        )
        .where(F.col("acquired") & liked & kept)
        .groupBy(*_USER)
        .agg(F.array_sort(F.collect_list("product_id")).alias("taken"))
    )


def users_with_targets(taken: DataFrame, history: DataFrame) -> DataFrame:
    """Adds what each user knew before the cut-off.

    Returns:
        cutoff, user_id, taken, known (had a history before the cut-off), owned (array<string>, familiar products),
        n_all and n_first (int, number of targets of each kind).
    """
    before = history.select(*_USER, familiar_products().alias("owned"), F.lit(True).alias("known"))
    return (
        taken.join(before, _USER, "left")
        .withColumn("known", F.coalesce("known", F.lit(False)))
        .withColumn("owned", F.coalesce("owned", F.array().cast("array<string>")))
        .withColumn("n_all", F.size("taken"))
        .withColumn("n_first", F.size(F.array_except("taken", "owned")))
    )


def sample(users: DataFrame, max_users: int) -> DataFrame:
    """At most `max_users` known users of each cut-off, by a hash; adds `place` (int), the order of choice."""
    # Other users in each window, so that pooled windows know more users than one.
    place = F.row_number().over(Window.partitionBy("cutoff").orderBy(F.xxhash64(*_USER), "user_id"))
    return users.where("known").withColumn("place", place).where(F.col("place") <= max_users)


def candidate_arrays(pool: DataFrame, users: DataFrame, sources: Sequence[str]) -> DataFrame:
    """A user's candidates as arrays of one length n, in order of product_id: the form that NumPy reads at once.

    Returns:
        cutoff, user_id, products (array<string>), owned and hit (array<boolean>), normalized_score (array<double> of
        n * len(sources): normalized scores candidate by candidate, 0 where a source does not name it).
    """
    entries = F.map_from_entries(F.transform("sources", lambda s: F.struct(s["source"], s["normalized_score"])))

    def of_each(told: Column) -> Column:
        return F.array(*[F.coalesce(told[F.lit(source)], F.lit(0.0)) for source in sources])

    candidate = F.struct(
        "product_id",
        "owned",
        F.array_contains("taken", F.col("product_id")).alias("hit"),
        once(entries, of_each).alias("normalized_score"),
    )
    return (
        pool.join(F.broadcast(users.select(*_USER, "taken")), _USER, "inner")
        .groupBy(*_USER)
        .agg(F.sort_array(F.collect_list(candidate)).alias("rows"))
        .select(
            *_USER,
            F.col("rows.product_id").alias("products"),
            F.col("rows.owned").alias("owned"),
            F.col("rows.hit").alias("hit"),
            F.flatten("rows.normalized_score").alias("normalized_score"),
        )
    )


def top_lists(candidates: DataFrame, sources: Sequence[str], weights: Weights, depth: int) -> DataFrame:
    """The first `depth` products of every source and, where the cut-off has weights, of the fused list.

    Args:
        candidates: rows of `candidate_arrays`.
        weights: by cut-off and target, of the same sources in the same order.

    Returns:
        cutoff, user_id, target, list, products (array<string>, best first), hits (array<int>, ranks of the targets
        among them, ascending); no row for an empty list.

    Raises:
        ValueError: weights of other sources.
    """
    if any(one.sources != tuple(sources) for fold in weights.values() for one in fold.values()):
        raise ValueError(f"weights were fitted on other sources than {', '.join(sources)}")

    def lists(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _lists(batch, sources, weights, depth)

    return candidates.mapInArrow(lists, _LISTS)


def best(group: Ints, scores: Floats, depth: int) -> tuple[Ints, Ints]:
    """Rows of each group's `depth` greatest scores above 0, best first, and their places from 1.

    Equal scores keep the order of the rows. `group` is [n] ascending.

    >>> rows, places = best(np.array([0, 0, 0, 4]), np.array([0.1, 0.7, 0.7, 0.0]), depth=2)
    >>> rows.tolist(), places.tolist()
    ([1, 2], [1, 2])
    """
    rows = np.flatnonzero(scores > 0)
    rows = rows[np.lexsort((-scores[rows], group[rows]))]
    _, first, count = np.unique(group[rows], return_index=True, return_counts=True)
    places = np.arange(1, rows.size + 1) - np.repeat(first, count)
    return rows[places <= depth], places[places <= depth]


def _lists(batch: pa.RecordBatch, sources: Sequence[str], weights: Weights, depth: int) -> Iterator[pa.RecordBatch]:
    products = batch.column("products")
    names = products.flatten()
    user = np.repeat(np.arange(batch.num_rows), np.diff(products.offsets.to_numpy()))
    owned, hit = (batch.column(c).flatten().to_numpy(zero_copy_only=False) for c in ("owned", "hit"))
    normalized_score = batch.column("normalized_score").flatten().to_numpy().reshape(-1, len(sources))
    cutoffs = batch.column("cutoff").to_pylist()
    for target, shown in (("all", np.ones(user.size, dtype=bool)), ("first", ~owned)):
        scored = dict(zip(sources, normalized_score.T, strict=True))
        if weights:
            scored[FINAL] = _fused(normalized_score, user, cutoffs, weights, target)
        for name, scores in scored.items():
            rows, places = best(user, np.where(shown, scores, 0.0), depth)
            listed, count = np.unique(user[rows], return_counts=True)
            found = np.bincount(user[rows], weights=hit[rows], minlength=batch.num_rows)[listed].astype(np.int64)
            columns: dict[str, Any] = {
                "cutoff": batch.column("cutoff").take(pa.array(listed)),
                "user_id": batch.column("user_id").take(pa.array(listed)),
                "target": pa.array([target] * listed.size, pa.string()),
                "list": pa.array([name] * listed.size, pa.string()),
                "products": pa.ListArray.from_arrays(_offsets(count), names.take(pa.array(rows))),
                "hits": pa.ListArray.from_arrays(_offsets(found), pa.array(places[hit[rows]], pa.int32())),
            }
            yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _fused(normalized_score: Floats, user: Ints, cutoffs: Sequence[date], weights: Weights, target: str) -> Floats:
    fused = np.zeros(user.size)
    for cutoff in set(cutoffs) & set(weights):
        rows = np.array([day == cutoff for day in cutoffs])[user]
        fused[rows] = score(normalized_score[rows], weights[cutoff][target])
    return fused


def _offsets(lengths: Ints) -> pa.Array:
    return pa.array(np.cumsum(np.concatenate((np.zeros(1, dtype=np.int64), lengths))), pa.int32())

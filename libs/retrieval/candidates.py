"""What all candidate sources share: the users to serve and the format of the lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.arrays import Floats, Ints
from libs.evaluation.lists import sample, targets
from libs.features.as_of import as_of, decay, with_age
from libs.features.history import unliked
from libs.job import JobContext

ATTRIBUTIONS = 3  # history items stored with a candidate
SCHEMA = (
    "cutoff date, user_id string, product_id string, rank int, score double, normalized_score double,"
    " attributions array<struct<product_id:string,attribution_share:double>>"
)
_ARROW = pa.schema(
    [
        ("cutoff", pa.date32()),
        ("user_id", pa.string()),
        ("product_id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("normalized_score", pa.float64()),
        ("attributions", pa.list_(pa.struct([("product_id", pa.string()), ("attribution_share", pa.float64())]))),
    ]
)


def users_to_serve(ctx: JobContext) -> DataFrame:
    """Rows of features.user_history that need lists (the job reads that table and silver.events).

    Tonight every user with a history needs a list; at the training day's own cut-off nobody does. Only the evaluation
    sample needs lists at a fold; the sample decides which users get lists, never what is in them.
    """
    history = ctx.read_cutoffs("features.user_history", (ctx.as_of, *ctx.run.folds))
    if not ctx.run.folds:
        return history
    rules, before, user = ctx.shop.evaluation, history.where(F.col("cutoff") != ctx.as_of), ["cutoff", "user_id"]
    taken = targets(ctx.read("silver.events"), ctx.run.folds, rules.horizon_days, ctx.shop)
    known = taken.join(before.select(*user), user, "left_semi").withColumn("known", F.lit(True))
    inside = before.join(sample(known, rules.max_users), user, "left_semi")
    return history.where(F.col("cutoff") == ctx.as_of).unionByName(inside)


def vocabularies(ids: DataFrame) -> dict[date, pa.Array]:
    """Each cut-off's products in id order, from rows of training.vocabulary; as large as the catalogue."""
    rows = ids.select("cutoff", "id", "product_id").toArrow().sort_by("id")
    return {day: own["product_id"].combine_chunks() for day, own in by_cutoff(rows)}


def popularity(
    days: DataFrame, history: DataFrame, cutoffs: Collection[date], half_life_days: float, kinds: Collection[str]
) -> DataFrame:
    """cutoff, product_id, points: whole millionths, one unit for each user (guests: basket) and day, decayed by age.

    Args:
        days: rows of features.product_days.
        history: features.user_history at the cut-offs: what a user dislikes or gave back is taken off again.
        kinds: the shop's acquiring kinds.
    """
    gained = as_of(days.where(F.col("buyers") > 0), cutoffs)
    lost = history.where(F.col("cutoff").isin(list(cutoffs))).select(
        "cutoff", F.inline(unliked(kinds, "product_id", "event_day")), F.lit(-1).cast("bigint").alias("buyers")
    )
    aged = with_age(gained.select(*lost.columns).unionByName(lost))
    weight = F.col("buyers") * decay("age_days", half_life_days)
    points = aged.groupBy("cutoff", "product_id").agg(F.sum(weight).alias("points"))
    return points.where(F.col("points") > 0)  # old events have decayed to 0


def ranked(scored: DataFrame, size: int) -> DataFrame:
    """The `size` greatest scores above 0 of each user, ties by product_id, with rank and normalized score.

    Attributions are empty: no history item stands behind these scores.

    `scored` has cutoff, user_id, product_id, score (double).
    """
    user = Window.partitionBy("user_id", "cutoff")
    return (
        scored.where(F.col("score") > 0)
        .withColumns(
            {
                "rank": F.row_number().over(user.orderBy(F.desc("score"), "product_id")),
                "normalized_score": F.col("score") / F.max("score").over(user),
                "attributions": F.array().cast("array<struct<product_id:string,attribution_share:double>>"),
            }
        )
        .where(F.col("rank") <= size)
    )


@dataclass(frozen=True)
class UserList:
    """A user's list as indices into a vocabulary, best first.

    Attributes:
        items: [n].
        scores: [n], above 0.
        attributions: [n, ATTRIBUTIONS] items of the history, greatest share first, padded with -1.
        attribution_shares: [n, ATTRIBUTIONS] fraction of the score that each item contributes.
    """

    items: Ints
    scores: Floats
    attributions: Ints
    attribution_shares: Floats


def best_items(scores: Floats, size: int) -> Ints:
    """The `size` greatest scores above 0, best first, ties to the smaller index; [n] -> at most [size].

    >>> best_items(np.array([0.0, 0.2, 0.5, 0.2]), 2).tolist()
    [2, 1]
    """
    items = np.flatnonzero(scores > 0)
    if len(items) > size:
        items = items[scores[items] >= np.partition(scores[items], -size)[-size]]
    best: Ints = items[np.argsort(-scores[items], kind="stable")[:size]]
    return best


def greatest_shares(items: Ints, attribution_shares: Floats) -> tuple[Ints, Floats]:
    """The items with the greatest shares above 0 of each candidate, and these shares; both [n, ATTRIBUTIONS].

    Padded with -1 and 0.

    Args:
        items: [h] history, ascending, so that ties go to the smaller.
        attribution_shares: [h, n].
    """
    left, column = attribution_shares.copy(), np.arange(attribution_shares.shape[1])
    attributions, carried = np.full((len(column), ATTRIBUTIONS), -1), np.zeros((len(column), ATTRIBUTIONS))
    # Takes the maximum three times: sorting the whole history takes ten times as long.
    for place in range(min(ATTRIBUTIONS, len(items))):
        best = left.argmax(axis=0)
        top = left[best, column]
        attributions[:, place], carried[:, place] = np.where(top > 0, items[best], -1), np.maximum(top, 0.0)
        left[best, column] = -np.inf
    return attributions, carried


def as_batch(users: pa.RecordBatch, lists: Sequence[UserList], products: pa.Array) -> pa.RecordBatch:
    """Rows of a candidate table (`SCHEMA`): one list for each row of `users`, which has cutoff and user_id.

    `products` is the vocabulary: the product of each index.
    """
    size = np.array([len(one.items) for one in lists], np.int64)
    row = pa.array(np.repeat(np.arange(len(lists)), size))
    items, scores = (_joined([getattr(one, f) for one in lists]) for f in ("items", "scores"))
    best = np.array([one.scores[0] if len(one.scores) else 1.0 for one in lists])
    first = np.cumsum(size) - size
    attributions = _joined([one.attributions.ravel() for one in lists]).reshape(-1, ATTRIBUTIONS)
    attribution_shares = _joined([one.attribution_shares.ravel() for one in lists]).reshape(attributions.shape)
    held = attributions >= 0
    offsets = np.concatenate([[0], np.cumsum(held.sum(axis=1))])
    pairs = pa.StructArray.from_arrays(
        [
            products.take(pa.array(attributions[held].astype(np.int64))),
            pa.array(attribution_shares[held].astype(np.float64)),
        ],
        names=["product_id", "attribution_share"],
    )
    columns: list[Any] = [
        users.column("cutoff").take(row),
        users.column("user_id").take(row),
        products.take(pa.array(items.astype(np.int64))),
        pa.array((np.arange(len(items)) - np.repeat(first, size) + 1).astype(np.int32)),
        pa.array(scores.astype(np.float64)),
        pa.array(scores / np.repeat(best, size)),
        pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pairs),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_ARROW)


@dataclass(frozen=True)
class Taken:
    """Acquisitions of a batch's users in CSR form: user u's events are [indptr[u], indptr[u + 1]), oldest first.

    Attributes:
        items: index into the vocabulary; events with products outside it are left out.
        steps_back: steps between the event and the user's last one of these, 0 for the last.
        age_days: days from the event to the cut-off.
    """

    indptr: Ints
    items: Ints
    steps_back: Ints
    age_days: Ints

    def of(self, user: int) -> slice:
        return slice(int(self.indptr[user]), int(self.indptr[user + 1]))


def taken(users: pa.RecordBatch, products: pa.Array, kinds: Sequence[str] | None = None) -> Taken:
    """Reads rows of features.user_history: the events of sign 1, of all kinds or of these."""
    events = users.column("events")
    flat = events.flatten()
    row = np.repeat(np.arange(users.num_rows), np.diff(events.offsets.to_numpy()))
    step = flat.field("step").to_numpy(zero_copy_only=False)
    liked = pc.equal(flat.field("sign"), 1)
    if kinds is not None:
        liked = pc.and_(liked, pc.is_in(flat.field("kind"), pa.array(list(kinds))))
    taking = liked.to_numpy(zero_copy_only=False)
    # Steps of events that are left out do not count.
    row, step = row[taking], step[taking]
    place = np.cumsum((np.diff(row, prepend=-1) != 0) | (np.diff(step, prepend=-1) != 0))
    last = np.zeros(users.num_rows, np.int64)
    np.maximum.at(last, row, place)
    item = pc.index_in(flat.field("product_id"), products).fill_null(-1).to_numpy(zero_copy_only=False)[taking]
    days = flat.field("event_day").cast(pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)[taking]
    age = users.column("cutoff").cast(pa.int32()).to_numpy().astype(np.int64)[row] - days
    kept = item >= 0
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row[kept], minlength=users.num_rows))])
    return Taken(indptr, item[kept].astype(np.int64), (last[row] - place)[kept], age[kept])


def by_cutoff(rows: Any) -> list[tuple[date, Any]]:
    """The rows of each cut-off, in order of cut-offs; `rows` is a record batch or a table with `cutoff`."""
    cutoffs = rows.column("cutoff")
    days = sorted(pc.unique(cutoffs).to_pylist())
    return [(day, rows.filter(pc.equal(cutoffs, pa.scalar(day, cutoffs.type)))) for day in days]


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)

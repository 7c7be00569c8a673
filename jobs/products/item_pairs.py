"""Counts which products follow which, and which come together.

One row of features.item_pairs is two products as of one cut-off: `transition`, the product came in a step after (or,
for less, before) the anchor's in some user's history; `together`, both lay in one basket (guests' too; where the shop
has no baskets, in one step of a user). What a user dislikes or gave back is in no pair of that user. Both directions
are rows. The heaviest products of each anchor are kept.

Weights. A transition weighs step_decay^(gap - 1), `reverse` times that against the direction; a basket weighs 1. Either
is halved every `half_life_days`, summed, and divided by powers of how many users (baskets) have each end: power 0 would
leave raw counts, which only name best-sellers, and power 1 would leave lift, which favours pairs seen once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.products.pair_counts import PAIRS, PARTS, BasketCounter, Frequencies, StepCounter, Weigher
from libs.features.history import liked_events, unliked
from libs.job import JobContext


@dataclass(frozen=True)
class Params:
    """How pairs are counted and weighed.

    half_life_days: a pair weighs half when its event is this old; none weighs all ages alike. Short where fashions
        and seasons rule (weeks in a gift shop), none where taste lasts (records).
    step_decay, reverse, most_steps: weight of a transition by its gap in steps, see above; none beyond most_steps.
    popularity_power: of both ends' users, for transitions.
    anchor_power, product_power: of each end's baskets, for pairs in one basket.
    most_in_basket: products of a larger basket are chosen by a hash.
    kept: products kept of each anchor.
    """

    half_life_days: float | None = None
    step_decay: float = 0.7
    reverse: float = 0.3
    most_steps: int = 20
    popularity_power: float = 0.25
    anchor_power: float = 0.5
    product_power: float = 0.25
    most_in_basket: int = 100
    kept: int = 100


_USER = ["cutoff", "user_id"]
PER_TASK = 10_000_000  # pairs of a user or basket, before they are summed
SHELVES = 8  # of each kind and cut-off to a task: enough for tasks to be alike, few enough for rows to be large


def run(ctx: JobContext) -> None:
    params, kinds = ctx.params(Params), ctx.shop.acquiring_kinds
    served = (ctx.as_of, *ctx.run.folds)  # as of a training day alone nobody gets lists
    history = ctx.read_cutoffs("features.user_history", served)
    days, refused = ctx.read("features.basket_days"), refused_products(history, kinds)
    found = baskets(days, refused, served, params.most_in_basket).persist()
    counted = frequencies(history, found, kinds)
    shared = ctx.broadcast(counted)
    # A task sums all pairs of its anchors in memory: one for every kind and cut-off, and more where there are many.
    few = max(int(ctx.spark.conf.get("spark.sql.shuffle.partitions") or 0), 2 * len(served))
    tasks = max(few, counted.pairs // PER_TASK)
    width = max(1, len(counted.products) // (SHELVES * tasks))
    count_steps = StepCounter(
        shared, width, kinds, params.half_life_days, params.step_decay, params.reverse, params.most_steps
    )
    steps = history.select("cutoff", "events").mapInArrow(count_steps, PARTS)
    together = found.mapInArrow(BasketCounter(shared, width, params.half_life_days), PARTS)
    powers = {"transition": (params.popularity_power,) * 2, "together": (params.anchor_power, params.product_power)}
    parts = steps.unionByName(together).repartition(tasks, "kind", "cutoff", "shelf")
    pairs = parts.mapInArrow(Weigher(shared, powers, params.kept), PAIRS)
    ctx.write("features.item_pairs", pairs.withColumn("shop", F.lit(ctx.shop.name)))


def refused_products(history: DataFrame, kinds: Collection[str]) -> DataFrame:
    """cutoff, user_id, refused: products that a user acquired and does not like; only users who have any."""
    refused = F.transform(unliked(kinds, "product_id"), lambda e: e["product_id"])
    return history.select(*_USER, refused.alias("refused")).where(F.size("refused") > 0)


def baskets(days: DataFrame, refused: DataFrame, cutoffs: Collection[date], most: int) -> DataFrame:
    """One row a basket and cut-off: cutoff, age_days, products (distinct, the `most` of least hash).

    Args:
        days: rows of features.basket_days, several where a basket's lines became known on several days.
        refused: rows of `refused_products`: what counts in no basket of the user.
    """
    known = F.filter("parts", lambda e: (e["day"] < F.col("cutoff")) & (e["event_day"] < F.col("cutoff")))
    pieces = F.array_distinct(F.flatten(F.transform("parts", lambda e: e["products"])))
    pieces = F.when(F.col("refused").isNull(), pieces).otherwise(F.array_except(pieces, "refused"))
    hashed = F.transform(pieces, lambda p: F.struct(F.xxhash64(p).alias("hash"), p.alias("product_id")))
    return (
        # Before the cut-offs multiply the rows.
        days.groupBy("basket")
        .agg(F.max("user_id").alias("user_id"), F.collect_list(F.struct("day", "event_day", "products")).alias("parts"))
        .withColumn("cutoff", F.explode(F.array(*[F.lit(day) for day in sorted(set(cutoffs))])))
        .withColumn("parts", known)
        .where(F.size("parts") > 0)
        .join(refused, _USER, "left")
        .select(
            "cutoff",
            F.date_diff("cutoff", F.array_max(F.transform("parts", lambda e: e["event_day"]))).alias("age_days"),
            F.transform(F.slice(F.sort_array(hashed), 1, most), lambda e: e["product_id"]).alias("products"),
        )
        .where(F.size("products") > 0)
    )


def frequencies(history: DataFrame, found: DataFrame, kinds: Collection[str]) -> Frequencies:
    """How many users and baskets have each product: one pass; what comes to the driver is the size of the catalogue."""
    products = F.array_distinct(F.transform(liked_events(kinds), lambda event: event["product_id"]))
    users = history.select(F.lit("transition").alias("kind"), "cutoff", products.alias("products"))
    users = users.where(F.size("products") > 0)
    groups = users.unionByName(found.select(F.lit("together").alias("kind"), "cutoff", "products"))
    # An empty name stands for the group itself, so that its count is the number of groups.
    named = F.explode(F.concat("products", F.array(F.lit("")))).alias("product_id")
    each = groups.select("kind", "cutoff", F.size("products").cast("bigint").alias("size"), named)
    # A product has a pair with each of its group.
    counts = each.groupBy("kind", "cutoff", "product_id").agg(F.count("*").alias("count"), F.sum("size").alias("pairs"))
    return Frequencies.of(counts.toArrow())

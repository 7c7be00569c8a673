"""One row: a product that came to a user, and the 20 products of the steps before it, to learn one from the other.

Only products of earlier steps are history: things taken in one step have no order among them. What a user dislikes or
gave back is neither history nor target.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.features.history import liked_events
from libs.job import JobContext
from libs.retrieval.two_tower import HISTORY


@dataclass(frozen=True)
class Params:
    """How histories become examples.

    targets: a user's last products to learn from.
    half_life_days: an example weighs half when its target is this old: short where fashions rule.
    examples: about so many of a fit at most, by a hash: past it a larger shop does not train longer. Raise it where
        ranks have GPUs.
    files: parts of the snapshot, one a rank at least.
    """

    targets: int = 50
    half_life_days: float = 365.0
    examples: int = 200_000
    files: int = 4


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    fits = (*ctx.run.folds, ctx.run.train_cutoff)
    histories = ctx.read_cutoffs("features.user_history", fits).withColumn("events", liked_events())
    chosen = sampled(with_ids(histories, ctx.read_cutoffs("training.vocabulary", fits)), histories, params)
    profiles = ctx.read_cutoffs("features.user_profile", fits)
    rows = with_profile(as_examples(chosen, params.half_life_days), profiles)
    ctx.write("training.two_tower_examples", laid_out(rows, max(params.files, ctx.run.conf.env.horovod.ranks)))


def with_ids(histories: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """cutoff, user_id, items: array of (place, step, id, event_day), oldest first, ids of the model's vocabulary."""
    events = histories.select("shop", "cutoff", "user_id", F.posexplode("events").alias("place", "event"))
    numbered = events.withColumn("product_id", F.col("event.product_id")).join(
        F.broadcast(vocabulary.drop("shop")), ["cutoff", "product_id"], "inner"
    )
    item = F.struct("place", F.col("event.step").alias("step"), "id", F.col("event.event_day").alias("event_day"))
    return numbered.groupBy("user_id", "cutoff", "shop").agg(F.array_sort(F.collect_list(item)).alias("items"))


def sampled(items: DataFrame, histories: DataFrame, params: Params) -> DataFrame:
    """`items` once for each of a user's last ones that an example may have as its target, `t`.

    Of more than `params.examples` as of one cut-off about so many are chosen, by a hash of each.
    """
    several = F.least(F.size("events"), F.lit(params.targets))
    there = histories.groupBy("cutoff").agg(F.sum(several).alias("there"))
    target = F.explode(F.slice(F.reverse("items"), 1, params.targets)).alias("t")
    place = F.pmod(F.xxhash64("user_id", "t.step", "t.id"), F.greatest(F.col("there"), F.lit(1)))
    rows = items.join(F.broadcast(there), "cutoff", "inner").select("*", target)
    return rows.where(place < params.examples).drop("there")


def as_examples(rows: DataFrame, half_life_days: float) -> DataFrame:
    """A row for each target that has a step before it; weight 2^(-age / half-life)."""
    before = F.filter("items", lambda item: item["step"] < F.col("t.step"))
    last = F.reverse(F.slice(F.reverse(before), 1, HISTORY))
    age = F.date_diff("cutoff", F.col("t.event_day"))
    kept = rows.withColumn("before", last).where(F.size("before") > 0)
    return kept.select(
        "shop",
        "cutoff",
        "user_id",
        F.col("t.step").alias("step"),
        padded(F.transform("before", lambda item: item["id"]), "int").alias("history"),
        padded(F.transform("before", _age), "float").alias("history_age"),
        F.col("t.id").alias("target"),
        F.pow(F.lit(0.5), age / half_life_days).cast("float").alias("weight"),
    )


def _age(item: Column) -> Column:
    return F.date_diff(F.col("t.event_day"), item["event_day"])


def padded(values: Column, kind: str) -> Column:
    """Zeros at the front up to HISTORY entries."""
    zeros = F.array_repeat(F.lit(0).cast(kind), F.lit(HISTORY) - F.size(values))
    return F.concat(zeros, values.cast(f"array<{kind}>"))


def with_profile(examples: DataFrame, profiles: DataFrame) -> DataFrame:
    numbers = profiles.select("cutoff", "user_id", F.col("vector").alias("profile"))
    return examples.join(numbers, ["cutoff", "user_id"], "inner")


def laid_out(rows: DataFrame, files: int) -> DataFrame:
    """Files and their rows in an order that does not depend on the cluster: training reads them in that order."""
    keys = [F.xxhash64("user_id"), "user_id", "step", "target"]
    return rows.repartition(files, "user_id").sortWithinPartitions("cutoff", *keys)

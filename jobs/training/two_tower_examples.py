"""One row: a product that came to a user, and the 20 products of the steps before it, to learn one from the other.

Only products of earlier steps are history: things taken in one step have no order among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.frames.two_tower import HISTORY
from libs.job import JobContext


@dataclass(frozen=True)
class Params:
    """How histories become examples.

    targets: a user's last products to learn from.
    half_life_days: an example weighs half when its target is this old: short where fashions rule.
    files: parts of the snapshot, one a rank at least.
    """

    targets: int = 50
    half_life_days: float = 365.0
    files: int = 4


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    fits = (*ctx.run.folds, ctx.run.train_cutoff)
    items = with_ids(ctx.read_cutoffs("features.user_history", fits), ctx.read_cutoffs("training.vocabulary", fits))
    profiles = ctx.read_cutoffs("features.user_profile", fits)
    rows = with_profile(as_examples(items, params.targets, params.half_life_days), profiles)
    ctx.write("training.two_tower_examples", laid_out(rows, max(params.files, ctx.run.conf.env.horovod.ranks)))


def with_ids(histories: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """cutoff, user_id, items: array of (place, step, id, event_day), oldest first, ids of the model's vocabulary."""
    events = histories.select("shop", "cutoff", "user_id", F.posexplode("events").alias("place", "event"))
    numbered = events.withColumn("product_id", F.col("event.product_id")).join(
        F.broadcast(vocabulary.drop("shop")), ["cutoff", "product_id"], "inner"
    )
    item = F.struct("place", F.col("event.step").alias("step"), "id", F.col("event.event_day").alias("event_day"))
    return numbered.groupBy("shop", "cutoff", "user_id").agg(F.array_sort(F.collect_list(item)).alias("items"))


def as_examples(items: DataFrame, targets: int, half_life_days: float) -> DataFrame:
    """A row for each of the last `targets` items that have a step before them; weight 2^(-age / half-life)."""
    target = F.explode(F.slice(F.reverse("items"), 1, targets)).alias("t")
    rows = items.select("*", target)
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

"""Clusters users and names each cluster by what marks it.

One row of features.user_segment is one user as of one cut-off and the segment the user is nearest to. Segments are
fitted anew as of each cut-off, on a sample of bounded size; every user is then assigned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.segments import MARKS, NOUNS, Segments, fit
from libs.job import JobContext, constants

FEATURES = tuple(MARKS)
_ROW = "cutoff date, user_id string, segment int, segment_name string"


@dataclass(frozen=True)
class Params:
    """fewest, most: numbers of segments that are tried; sample_users: most users a fit looks at."""

    fewest: int = 3
    most: int = 6
    sample_users: int = 2000


def numbers(rfm: DataFrame, taste: DataFrame) -> DataFrame:
    """What tells users apart: cutoff, user_id, and FEATURES as doubles, null where the shop cannot know.

    Counts, days and prices are skewed: their logarithm is taken. `focus` is the share of the user's first category, of
    users with at least 3 products: one product is no specialty. Users who acquired nothing are in no segment: its name
    says what they acquire.
    """
    focus = (
        taste.where((F.col("dimension") == "category") & (F.col("total") >= 3))
        .groupBy("cutoff", "user_id")
        .agg(F.max("share").alias("focus"))
    )
    acquirers = rfm.where(F.col("frequency") > 0)
    return acquirers.join(focus, ["cutoff", "user_id"], "left").select(
        "cutoff",
        "user_id",
        F.log1p("recency_days").alias("recency"),
        F.log1p("frequency").alias("frequency"),
        F.log1p(F.col("events") / F.col("frequency")).alias("basket"),
        F.log1p(F.col("usual_price").cast("double")).alias("usual_price"),
        F.col("rating_mean").alias("rating"),
        F.col("return_rate").alias("returns"),
        "focus",
    )


def sampled(users: DataFrame, most: int) -> DataFrame:
    """At most `most` users of each cut-off: the first ones in the order of a hash, which no delivery decides."""
    order = Window.partitionBy("cutoff").orderBy(F.xxhash64("user_id"), "user_id")
    return users.withColumn("place", F.row_number().over(order)).where(F.col("place") <= most)


def assigned(users: DataFrame, segments: Mapping[date, Segments]) -> DataFrame:
    """Every user's nearest segment, numbered from 1."""
    fitted = dict(segments)

    def nearest(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for cutoff, rows in batch.groupby("cutoff"):
                index = fitted[cutoff].nearest(rows[list(FEATURES)].to_numpy(np.float64))
                names = [fitted[cutoff].names[i] for i in index]
                yield pd.DataFrame(
                    {"cutoff": cutoff, "user_id": rows["user_id"], "segment": index + 1, "segment_name": names}
                )

    return users.mapInPandas(nearest, _ROW)


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    users = numbers(ctx.read_cutoffs("features.user_rfm"), ctx.read_cutoffs("features.user_taste"))
    sample = sampled(users, params.sample_users).toPandas().sort_values(["cutoff", "place"])
    noun, sizes = NOUNS[ctx.shop.action], range(params.fewest, params.most + 1)
    segments = {
        cutoff: fit(rows[list(FEATURES)].to_numpy(np.float64), FEATURES, sizes, noun)
        for cutoff, rows in sample.groupby("cutoff")
    }
    ctx.log.info("segments: %s", {str(cutoff): found.names for cutoff, found in segments.items()})
    ctx.write("features.user_segment", assigned(users, segments).withColumns(constants(ctx)))

"""Puts together what is known of each user.

One row of features.user_profile is one user as of one cut-off. Models read `vector`: the user's numbers on scales that
never change (VECTOR below), so that vectors of an old snapshot and of tonight's mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.features.as_of import as_of
from libs.features.states import newest
from libs.job import JobContext, constants

_KEY = ["cutoff", "user_id"]


@dataclass(frozen=True)
class Scale:
    """A number's place in 0..1: (x - low) / (high - low), of logarithms of 1 + x where `log`; bounded, null is 0."""

    name: str
    high: float
    low: float = 0.0
    log: bool = True

    def column(self) -> Column:
        x, low, high = F.col(self.name).cast("double"), F.lit(self.low), F.lit(self.high)
        if self.log:
            x, low, high = F.log1p(x), F.log1p(low), F.log1p(high)
        bounded = F.greatest(F.lit(0.0), F.least(F.lit(1.0), (x - low) / (high - low)))
        return F.when(x.isNull(), 0.0).otherwise(bounded)  # greatest and least would pass over a null


# The positions of `vector`, in order. The last two say whether a number before them is known at all.
VECTOR = (
    Scale("recency_days", 3650),
    Scale("tenure_days", 3650),
    Scale("frequency", 1000),
    Scale("events", 10_000),
    Scale("products", 10_000),
    Scale("rhythm_days", 365),
    Scale("money", 1_000_000),
    Scale("usual_price", 10_000),
    Scale("return_rate", 1, log=False),
    Scale("ratings", 1000),
    Scale("rating_mean", 5, low=1, log=False),
    Scale("rating_deviation", 2, low=-2, log=False),
    Scale("top_brand", 1, log=False),
    Scale("top_category", 1, log=False),
    Scale("has_rhythm", 1, log=False),
    Scale("has_ratings", 1, log=False),
)


def tastes_of(taste: DataFrame) -> DataFrame:
    """One row per cut-off and user: `tastes`, a map by dimension of tastes, greatest share first."""
    order = F.struct(
        (-F.col("share")).alias("less"),
        (-F.size(F.split("value", " > "))).alias("depth"),
        "value",
        "share",
        "count",
        "total",
    )
    return (
        taste.groupBy(*_KEY, "dimension")
        .agg(F.sort_array(F.collect_list(order)).alias("found"))
        .withColumn(
            "found",
            F.transform(
                "found",
                lambda t: F.struct(
                    t["value"].alias("value"),
                    t["share"].alias("share"),
                    t["count"].alias("count"),
                    t["total"].alias("total"),
                ),
            ),
        )
        .groupBy(*_KEY)
        .agg(F.map_from_entries(F.sort_array(F.collect_list(F.struct("dimension", "found")))).alias("tastes"))
    )


def with_vector(users: DataFrame) -> DataFrame:
    """Adds `vector`: array<float> [len(VECTOR)]."""
    helpers = {
        "top_brand": F.get(F.col("tastes")["brand"], F.lit(0))["share"],
        "top_category": F.get(F.col("tastes")["category"], F.lit(0))["share"],
        "has_rhythm": F.col("rhythm_days").isNotNull().cast("int"),
        "has_ratings": (F.col("ratings") > 0).cast("int"),
    }
    scaled = F.array(*[F.round(scale.column(), 6).cast("float") for scale in VECTOR])
    return users.withColumns(helpers).withColumn("vector", scaled).drop(*helpers)


def run(ctx: JobContext) -> None:
    rfm, taste, segment = (
        ctx.read_cutoffs(f"features.user_{name}").drop("shop") for name in ("rfm", "taste", "segment")
    )
    languages = (
        as_of(ctx.read("silver.users"), ctx.run.cutoffs).groupBy(*_KEY).agg(newest("language").alias("language"))
    )
    if "users" not in ctx.shop.kinds():
        ctx.log.info("no source of users: no language of a user")
    users = rfm.join(segment, _KEY, "left").join(tastes_of(taste), _KEY, "left").join(languages, _KEY, "left")
    users = users.withColumn(
        "tastes",
        F.coalesce(
            "tastes",
            F.create_map().cast("map<string,array<struct<value:string,share:double,count:bigint,total:bigint>>>"),
        ),
    )
    ctx.write("features.user_profile", with_vector(users).withColumns(constants(ctx)))

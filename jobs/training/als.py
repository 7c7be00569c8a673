"""Fits implicit matrix factorisation (Spark MLlib); keeps the products' factors.

One row of training.models is one fit: a model of the back-test for each fold, and the model of record for the training
day. Users' factors are not kept: candidates.als solves for them from the history of the day it serves.
Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.job import JobContext
from libs.registry.models import left_out_row, model_row, version_of
from libs.registry.weights import checkpoints_uri, model_uri, remove_folder, save_arrays
from libs.retrieval.als import RATINGS, TENTHS, RatingReader, RatingRule
from libs.retrieval.candidates import vocabularies
from libs.tables import table


@dataclass(frozen=True)
class Params:
    """How products are factorised.

    rank: factors of a product. alpha: confidence that one event adds. reg: MLlib's regParam. iterations: of ALS.
    half_life_days: an event counts half after this many days; none counts all alike. most: events that count at most.
    blocks: MLlib's; one makes the sums' order, and so the factors, the same on every cluster. A shop of millions of
        ratings needs more.
    """

    rank: int = 32
    alpha: float = 3.0
    reg: float = 0.1
    iterations: int = 10
    half_life_days: float | None = None
    most: float = 5.0
    seed: int = 7
    blocks: int = 1


def run(ctx: JobContext) -> None:
    params, fits = ctx.params(Params), (*ctx.run.folds, ctx.run.train_cutoff)
    products = vocabularies(ctx.read_cutoffs("training.vocabulary", fits))
    rule = RatingRule(params.half_life_days, params.most)
    reader = RatingReader(ctx.broadcast(products), rule)
    history = ctx.read_cutoffs("features.user_history", fits).where(F.col("cutoff").isin(sorted(products)))
    ratings = numbered(history.select("cutoff", "user_id", "events").mapInArrow(reader, RATINGS)).persist()
    # Twenty half-iterations make a lineage that overflows a task's stack; MLlib cuts it where it may checkpoint.
    checkpoints = checkpoints_uri(ctx.run.conf.env.warehouse, ctx.shop.name, f"als-{ctx.run.run_id}")
    ctx.spark.sparkContext.setCheckpointDir(checkpoints)
    rows = list(filter(None, (fit_row(ctx, params, cutoff, products.get(cutoff), ratings) for cutoff in fits)))
    remove_folder(checkpoints)
    ctx.write("training.models", ctx.spark.createDataFrame(rows, table("training.models").ddl))


def numbered(ratings: DataFrame) -> DataFrame:
    """Adds `user`, an integer in user_id order: MLlib needs one."""
    return ratings.withColumn("user", F.dense_rank().over(Window.partitionBy("cutoff").orderBy("user_id")))


def fit_row(
    ctx: JobContext, params: Params, cutoff: date, products: pa.Array | None, ratings: DataFrame
) -> tuple[Any, ...] | None:
    """Fits as of `cutoff`, saves the factors, and gives the row of training.models.

    If no known user took anything before it, a fold has no row and the training day one without a model.
    """
    own = ratings.where(F.col("cutoff") == cutoff)
    factors = None if products is None or own.isEmpty() else fitted(own, params, len(products))
    if products is None or factors is None or not factors.any():
        if cutoff in ctx.run.folds:
            ctx.log.info("nobody took anything before %s: no model of that fold", cutoff)
            return None
        return left_out_row(ctx, "als", asdict(params), "no known user took anything yet")
    names = hashlib.sha256("\n".join(products.to_pylist()).encode()).hexdigest()
    about = asdict(params) | {"alpha_of_a_tenth": params.alpha / TENTHS, "vocabulary": names}
    version = version_of(ctx, "als", cutoff, about)
    uri = model_uri(ctx.run.conf.env.warehouse, ctx.shop.name, "als", version)
    checksum = save_arrays(uri, {"items": factors}, about)
    told = {"products": int(factors.any(axis=1).sum()), "vocabulary": len(products)}
    return model_row(ctx, "als", version, cutoff, asdict(params), told, uri, checksum)


def fitted(ratings: DataFrame, params: Params, n_products: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Factors float32 [n_products, rank], row = id - 1; zeros for a product that nobody took."""
    als = ALS(
        rank=params.rank,
        maxIter=params.iterations,
        regParam=params.reg,
        alpha=params.alpha / TENTHS,
        implicitPrefs=True,
        seed=params.seed,
        numUserBlocks=params.blocks,
        numItemBlocks=params.blocks,
        userCol="user",
        itemCol="id",
        ratingCol="rating",
        checkpointInterval=2,
    )
    factors = np.zeros((n_products, params.rank), np.float32)
    # One order of rows: float sums inside a block follow it.
    ordered = ratings.repartition(1).sortWithinPartitions("user", "id").select("user", "id", "rating")
    for row in als.fit(ordered).itemFactors.collect():
        factors[row["id"] - 1] = row["features"]
    return factors

"""Embeds the texts that have no vector yet.

One row of features.text_vectors is one text under one encoder. A text is embedded when it first appears and never again
while it does not change: a night without new words embeds nothing and does not load TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.job import JobContext, constants
from libs.text.encoder import encoder_id, get_encoder


@dataclass(frozen=True)
class Params:
    """How embedding is spread.

    workers: most processes that load the encoder, each about 300 MB; more than the cluster's slots is no use.
    texts_per_worker: fewer texts than this go to one worker, because loading takes as long as a thousand short texts.
    """

    workers: int = 2
    texts_per_worker: int = 512


def without_vector(texts: DataFrame, vectors: DataFrame, model_id: str) -> DataFrame:
    """Distinct (text_hash, text) that have no vector yet; a product without words has none to embed."""
    known = vectors.where(F.col("model_id") == model_id).select("text_hash")
    new = texts.where(F.col("text") != "").join(known, "text_hash", "left_anti")
    return new.groupBy("text_hash").agg(F.min("text").alias("text"))


def embedded(texts: DataFrame, partitions: int) -> DataFrame:
    """Adds `vector`: array<float> of unit length, rounded to where an encoder's arithmetic is the same everywhere."""
    spread = texts.repartition(partitions, "text_hash")
    return spread.mapInPandas(_embed, "text_hash string, vector array<float>")


def _embed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        vectors = np.round(get_encoder().encode(batch["text"].tolist()), 5)
        yield pd.DataFrame({"text_hash": batch["text_hash"], "vector": list(vectors)})


def run(ctx: JobContext) -> None:
    params, model_id = ctx.params(Params), encoder_id()
    texts = ctx.read_cutoffs("features.product_text").select("text_hash", "text")
    new = without_vector(texts, ctx.read("features.text_vectors"), model_id).persist()
    count = new.count()
    ctx.log.info("%d texts to embed under %s", count, model_id)
    if count:
        partitions = min(params.workers, -(-count // params.texts_per_worker))
        # Kept, because a merge reads its source more than once.
        vectors = embedded(new, partitions).persist()
        ctx.write("features.text_vectors", vectors.withColumns(constants(ctx, model_id=model_id)))
        vectors.unpersist()
    new.unpersist()

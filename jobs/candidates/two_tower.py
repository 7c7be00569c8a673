"""Nearest products by the two-tower network, for all users.

One row of candidates.two_tower is a product for a user as of one cut-off, by the model that saw nothing of that day or
later. The score is exp(logit - the list's greatest logit). Workers score in NumPy: none of them starts TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from libs.job import JobContext
from libs.models.score import load_two_tower
from libs.registry.models import models_by_cutoff
from libs.registry.weights import fetched_folder
from libs.retrieval.candidates import SCHEMA, users_to_serve, vocabularies
from libs.retrieval.nearest import searches
from libs.retrieval.two_tower import TwoTowerLister


@dataclass(frozen=True)
class Params:
    """size: candidates of a user. index_from: products from which an approximate index finds them. probes: cells of the
    index searched for a user; more cost more and miss less."""

    size: int = 150
    index_from: int = 1_000_000
    probes: int = 64


def run(ctx: JobContext) -> None:
    params, models = ctx.params(Params), models_by_cutoff(ctx, "two_tower")
    fitted = tuple(sorted({row["train_cutoff"] for row in models.values()}))
    products = vocabularies(ctx.read_cutoffs("training.vocabulary", fitted))
    loaded = {}
    for row in models.values():
        if row["version"] not in loaded:
            with fetched_folder(row["weights_uri"], row["checksum"]) as folder:
                loaded[row["version"]] = load_two_tower(folder)
    shared = {cutoff: (products[row["train_cutoff"]], loaded[row["version"]]) for cutoff, row in models.items()}
    sent = ctx.broadcast(shared)
    sizes = {cutoff: len(vocabulary) for cutoff, (vocabulary, _) in shared.items()}
    found_by = searches(
        ctx, models, sizes, lambda day: sent.value[day][1]["item_vectors"][1:], params.index_from, params.probes
    )
    lister = TwoTowerLister(sent, params.size, found_by)
    profiles = ctx.read_cutoffs("features.user_profile").select("cutoff", "user_id", F.col("vector").alias("profile"))
    served = users_to_serve(ctx).where(F.col("cutoff").isin(list(models)))  # a model that is left out lists nothing
    users = served.join(profiles, ["cutoff", "user_id"], "inner")
    lists = users.select("cutoff", "user_id", "events", "profile").mapInArrow(lister, SCHEMA)
    ctx.write("candidates.two_tower", lists.withColumn("shop", F.lit(ctx.shop.name)))

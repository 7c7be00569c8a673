"""Nearest products by matrix factorisation, for all users.

One row of candidates.als is a product for a user as of one cut-off, by the model that saw nothing of that day or later.
The score is the inner product of the product's factors and the user's, which are solved for exactly from the user's
history; it is a sum over that history (Hu et al. 2008, section 5), whose greatest terms are the attributions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from pyspark.sql import Row
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.job import JobContext
from libs.registry.models import models_by_cutoff
from libs.registry.weights import load_arrays
from libs.retrieval.als import AlsLister, Factors, RatingRule
from libs.retrieval.candidates import SCHEMA, users_to_serve, vocabularies
from libs.retrieval.nearest import searches


@dataclass(frozen=True)
class Params:
    """size: candidates of a user. index_from: products from which an approximate index finds them. probes: cells of the
    index searched for a user; more cost more and miss less."""

    size: int = 100
    index_from: int = 1_000_000
    probes: int = 64


def run(ctx: JobContext) -> None:
    params, models = ctx.params(Params), models_by_cutoff(ctx, "als")
    products = vocabularies(
        ctx.read_cutoffs("training.vocabulary", tuple(sorted({row["train_cutoff"] for row in models.values()})))
    )
    loaded = {row["version"]: loaded_model(row, products) for row in models.values()}
    shared = {cutoff: loaded[row["version"]] for cutoff, row in models.items()}
    sent = ctx.broadcast(shared)
    sizes = {cutoff: len(model.products) for cutoff, model in shared.items()}
    found_by = searches(ctx, models, sizes, lambda day: sent.value[day].items, params.index_from, params.probes)
    lister = AlsLister(sent, params.size, found_by)
    users = users_to_serve(ctx).where(F.col("cutoff").isin(list(models)))  # a model that is left out lists nothing
    lists = users.select("cutoff", "user_id", "events").mapInArrow(lister, SCHEMA)
    ctx.write("candidates.als", lists.withColumn("shop", F.lit(ctx.shop.name)))


def loaded_model(row: Row, vocabularies: dict[date, pa.Array]) -> Factors:
    """The products that the model has factors for, and these.

    Raises:
        OperatorError: the vocabulary it was fitted with is no longer there.
        ModelFileError: its files are missing or not those of its row.
    """
    arrays, about = load_arrays(row["weights_uri"], row["checksum"])
    products = vocabularies.get(row["train_cutoff"], pa.array([], pa.string()))
    if hashlib.sha256("\n".join(products.to_pylist()).encode()).hexdigest() != about["vocabulary"]:
        raise OperatorError(
            f"{row['version']}: training.vocabulary of {row['train_cutoff']} is not the one the model was fitted with;"
            " train the model again"
        )
    seen = np.flatnonzero(arrays["items"].any(axis=1))
    rule = RatingRule(about["half_life_days"], about["most"])
    factors = arrays["items"][seen].astype(np.float64)
    return Factors(products.take(pa.array(seen)), factors, about["alpha_of_a_tenth"], about["reg"], rule)

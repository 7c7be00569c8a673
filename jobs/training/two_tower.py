"""Fits the two-tower network by Horovod, a rank on each of two or more task slots, on the snapshot's own files.

One row of training.models is one fit: a model of the back-test for each fold, and the model of record for the training
day. All fits share one launch of the ranks: to start TensorFlow costs more than a small fit.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.training.rank_fits import Fit, describe, fit_and_record, require_slots
from jobs.training.two_tower_catalogue import catalogues
from libs.job import JobContext
from libs.models.two_tower_inputs import Catalogue, TwoTowerParams
from libs.registry.models import left_out_row
from libs.registry.weights import save_arrays
from libs.retrieval.candidates import popularity, vocabularies
from libs.training.spec import TrainParams
from libs.training.two_tower_task import StoredCatalogue, TwoTowerTask


@dataclass(frozen=True)
class Params:
    """model: shape and loss of the network. train: how it is fitted; GPU and precision come from conf's `horovod`."""

    model: TwoTowerParams = field(default_factory=TwoTowerParams)
    train: TrainParams = field(default_factory=TrainParams)


def run(ctx: JobContext) -> None:
    params, cutoffs = ctx.params(Params), (*ctx.run.folds, ctx.run.train_cutoff)
    require_slots(ctx)
    examples = ctx.read_cutoffs("training.two_tower_examples", cutoffs)
    products = vocabularies(ctx.read_cutoffs("training.vocabulary", cutoffs))
    profiles, days = ctx.read_cutoffs("features.product_profile", cutoffs), ctx.read("features.product_days")
    # Recent demand is counted with a quarter of the horizon as half-life: demand moves faster than tastes.
    history, half_life = ctx.read_cutoffs("features.user_history", cutoffs), ctx.shop.evaluation.horizon_days / 4
    recent = popularity(days, history, list(products), half_life, ctx.shop.acquiring_kinds)
    sides = catalogues(profiles, examples, recent, products)
    fits = [fit_of(ctx, params, cutoff, side, products[cutoff], examples) for cutoff, side in sides]
    left_out = []
    if all(fit.cutoff != ctx.run.train_cutoff for fit in fits):
        left_out = [left_out_row(ctx, "two_tower", asdict(params), "no user took anything after something else yet")]
    fit_and_record(ctx, fits, asdict(params), left_out)


def fit_of(
    ctx: JobContext, params: Params, cutoff: date, side: Catalogue, products: pa.Array, examples: DataFrame
) -> Fit:
    """The fit of a cut-off on its own examples."""
    rows = examples.where(F.col("cutoff") == F.lit(cutoff))
    width = len(rows.select("profile").first()["profile"])
    model = TwoTowerParams(**asdict(params.model) | {"never_repeats": not ctx.shop.repurchasable})

    def task(folder: str) -> TwoTowerTask:
        stored = f"{folder}/catalogue"
        return TwoTowerTask(model, StoredCatalogue(stored, save_arrays(stored, side.arrays(), {})), width)

    names = hashlib.sha256("\n".join(products.to_pylist()).encode()).hexdigest()
    return describe(ctx, "two_tower", cutoff, rows, params.train, asdict(params) | {"vocabulary": names}, task)

"""Fits the two-tower network by Horovod, a rank on each of two or more task slots, on the snapshot's own files.

One row of training.models is one fit: a model of the back-test for each fold, and the model of record for the training
day. All fits share one launch of the ranks: to start TensorFlow costs more than a small fit.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.training.two_tower_catalogue import catalogues
from libs.errors import OperatorError
from libs.job import JobContext
from libs.models.two_tower_inputs import Catalogue, TwoTowerParams
from libs.registry.rows import model_row, version_of
from libs.registry.weights import checkpoints_uri, model_uri, remove_folder, save_arrays
from libs.retrieval.candidates import popularity, vocabularies
from libs.spark.delta import live_files
from libs.spark.ranks import is_local, run_on_ranks
from libs.spark.session import task_slots
from libs.tables import table
from libs.training.launch import fit_and_store
from libs.training.spec import TrainParams, TrainSpec
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
    rows = [row_of(ctx, params, fit, result) for fit, result in zip(fits, launch(ctx, fits), strict=True)]
    ctx.write("training.models", ctx.spark.createDataFrame(rows, table("training.models").ddl))
    for fit in fits:
        remove_folder(fit.spec.checkpoints)


def require_slots(ctx: JobContext) -> None:
    """Raises OperatorError where Spark has fewer task slots than there are ranks: they would wait for ever."""
    horovod = ctx.run.conf.env.horovod
    slots = task_slots(ctx.spark, horovod.ranks, 0 if is_local(ctx.spark) else horovod.start_timeout_s)
    if slots < horovod.ranks:
        raise OperatorError(
            f"horovod.ranks is {horovod.ranks} but Spark has {slots} task slots: lower one or add the other"
        )


@dataclass(frozen=True)
class Fit:
    version: str
    cutoff: date
    spec: TrainSpec
    uri: str


def fit_of(
    ctx: JobContext, params: Params, cutoff: date, side: Catalogue, products: pa.Array, examples: DataFrame
) -> Fit:
    """One fit on the live files of its cut-off.

    Checkpoints lie in a folder named by the files: a retry on the same snapshot resumes, another snapshot does not.
    """
    own = examples.where(F.col("cutoff") == F.lit(cutoff))
    files = tuple(live_files(own))
    width = len(own.select("profile").first()["profile"])
    names = hashlib.sha256("\n".join(products.to_pylist()).encode()).hexdigest()
    version = version_of(ctx, "two_tower", cutoff, asdict(params) | {"vocabulary": names})
    digest = hashlib.sha256("\n".join([version, *files]).encode()).hexdigest()[:24]
    horovod = ctx.run.conf.env.horovod
    train = TrainParams(**asdict(params.train) | {"gpu": horovod.gpu, "mixed_precision": horovod.mixed_precision})
    model = TwoTowerParams(**asdict(params.model) | {"never_repeats": not ctx.shop.repurchasable})
    checkpoints = checkpoints_uri(ctx.run.conf.env.warehouse, ctx.shop.name, f"two_tower-{digest}")
    stored = f"{checkpoints}/catalogue"
    catalogue = StoredCatalogue(stored, save_arrays(stored, side.arrays(), {}))
    spec = TrainSpec(TwoTowerTask(model, catalogue, width), files, checkpoints, params=train, expected_rows=own.count())
    return Fit(version, cutoff, spec, model_uri(ctx.run.conf.env.warehouse, ctx.shop.name, "two_tower", version))


def row_of(ctx: JobContext, params: Params, fit: Fit, result: dict[str, Any]) -> Row:
    """The fit's row of training.models, from what rank 0 says of it."""
    fitted = {name: result[name] for name in ("rows", "ranks", "steps", "losses", "weights_sha256")}
    wait = 100 * result["input_wait_seconds"] / max(result["seconds"], 1e-9)
    ctx.log.info("%s: %d rows, loss %.4f, input wait %.1f%%", fit.version, result["rows"], result["losses"][-1], wait)
    return model_row(ctx, "two_tower", fit.version, fit.cutoff, asdict(params), fitted, fit.uri, result["checksum"])


def launch(ctx: JobContext, fits: list[Fit]) -> list[dict[str, Any]]:
    """Runs the fits on all ranks; rank 0's rows.

    Raises:
        RankError, RuntimeError: as `run_on_ranks`; RuntimeError too where the ranks' weights differ.
    """
    horovod = ctx.run.conf.env.horovod
    specs, uris = [fit.spec for fit in fits], [fit.uri for fit in fits]
    results = run_on_ranks(ctx.spark, horovod, fit_and_store, specs, uris, horovod.stall_timeout_s)
    ours: list[dict[str, Any]] = results[0]
    if any(
        other["weights_sha256"] != mine["weights_sha256"]
        for rows in results
        for other, mine in zip(rows, ours, strict=True)
    ):
        raise RuntimeError("the ranks' weights differ after training: no model is recorded")
    return ours

"""Fits of a network on Horovod's ranks: what any training job by Horovod does beside describing its own task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from libs.errors import OperatorError
from libs.job import JobContext
from libs.registry.models import model_row, version_of
from libs.registry.weights import checkpoints_uri, model_uri, remove_folder
from libs.spark.delta import live_files
from libs.spark.ranks import is_local, run_on_ranks
from libs.spark.session import task_slots
from libs.tables import table
from libs.training.launch import fit_and_store
from libs.training.spec import Task, TrainParams, TrainSpec


@dataclass(frozen=True)
class Fit:
    """One fit: its model, its row's version and cut-off, and where the weights go."""

    model: str
    version: str
    cutoff: date
    spec: TrainSpec
    uri: str


def require_slots(ctx: JobContext) -> None:
    """Raises OperatorError where Spark has fewer task slots than there are ranks: they would wait for ever."""
    horovod = ctx.run.conf.env.horovod
    slots = task_slots(ctx.spark, horovod.ranks, 0 if is_local(ctx.spark) else horovod.start_timeout_s)
    if slots < horovod.ranks:
        raise OperatorError(
            f"horovod.ranks is {horovod.ranks} but Spark has {slots} task slots: lower one or add the other"
        )


def describe(
    ctx: JobContext,
    model: str,
    cutoff: date,
    rows: DataFrame,
    params: TrainParams,
    about: dict[str, Any],
    task: Callable[[str], Task],
) -> Fit:
    """One fit of `model` on the live files of `rows`, which hold one cut-off.

    Checkpoints lie in a folder named by the files: a retry on the same snapshot resumes, another snapshot does not.

    Args:
        about: what the fit depends on beside the rows; part of the version.
        task: given that folder's URI, where it may keep arrays for the ranks; deleted once the model is recorded.
    """
    files = tuple(live_files(rows))
    version = version_of(ctx, model, cutoff, about)
    digest = hashlib.sha256("\n".join([version, *files]).encode()).hexdigest()[:24]
    warehouse, horovod = ctx.run.conf.env.warehouse, ctx.run.conf.env.horovod
    train = TrainParams(**asdict(params) | {"gpu": horovod.gpu, "mixed_precision": horovod.mixed_precision})
    checkpoints = checkpoints_uri(warehouse, ctx.shop.name, f"{model}-{digest}")
    spec = TrainSpec(task(checkpoints), files, checkpoints, params=train, expected_rows=rows.count())
    return Fit(model, version, cutoff, spec, model_uri(warehouse, ctx.shop.name, model, version))


def fit_and_record(
    ctx: JobContext, fits: list[Fit], parameters: dict[str, Any], left_out: Sequence[tuple[Any, ...]] = ()
) -> None:
    """Runs the fits on all ranks in one launch and writes their rows of training.models; without fits nothing starts.

    Args:
        left_out: rows of models that are left out (libs.registry.models.left_out_row).

    Raises:
        RankError, RuntimeError: as `run_on_ranks`; RuntimeError too where the ranks' weights differ.
    """
    results = _launch(ctx, fits) if fits else []
    rows = [_row(ctx, fit, parameters, result) for fit, result in zip(fits, results, strict=True)]
    ctx.write("training.models", ctx.spark.createDataFrame([*rows, *left_out], table("training.models").ddl))
    for fit in fits:
        remove_folder(fit.spec.checkpoints)


def _row(ctx: JobContext, fit: Fit, parameters: dict[str, Any], result: dict[str, Any]) -> tuple[Any, ...]:
    """The fit's row of training.models, from what rank 0 says of it."""
    fitted = {name: result[name] for name in ("rows", "ranks", "steps", "losses", "weights_sha256")}
    wait = 100 * result["input_wait_seconds"] / max(result["seconds"], 1e-9)
    ctx.log.info("%s: %d rows, loss %.4f, input wait %.1f%%", fit.version, result["rows"], result["losses"][-1], wait)
    return model_row(ctx, fit.model, fit.version, fit.cutoff, parameters, fitted, fit.uri, result["checksum"])


def _launch(ctx: JobContext, fits: list[Fit]) -> list[dict[str, Any]]:
    """Rank 0's result of each fit."""
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

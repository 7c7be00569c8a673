"""Writes rows of training.models, and reads the models that libs.registry.choice selects.

A model that has too little to learn from on a training day gets a row too, which says why and has no weights: it is
left out. A row that is not there at all is an error: the model was never fitted, or is lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from libs.conf import Conf
from libs.job import JobContext
from libs.registry.choice import Purpose, models_of, serving_models
from libs.spark import delta
from libs.tables import table

_LEFT_OUT = "left_out"  # the key in `fitted` of the reason


def recorded_models(spark: SparkSession, conf: Conf) -> list[Row]:
    """Every fit of the shop: model, version, purpose, train_cutoff. One row per fit: few rows in any shop."""
    assert conf.shop is not None
    rows = delta.read(spark, conf.env.warehouse, table("training.models"))
    fits: list[Row] = (
        rows.where(F.col("shop") == conf.shop.name).select("model", "version", "purpose", "train_cutoff").collect()
    )
    return fits


def models_in_use(ctx: JobContext, *needed: str) -> dict[str, Row]:
    """The models of record that serve tonight, by name: those of the run's training day, without those left out.

    Raises:
        OperatorError: one of `needed` has no record for that day, or the day is too old.
    """
    return {name: row for name, row in _of_record(ctx, *needed).items() if why_left_out(row) is None}


def models_left_out(ctx: JobContext) -> dict[str, str]:
    """Why each model that is left out tonight is, by name."""
    reasons = {name: why_left_out(row) for name, row in _of_record(ctx).items()}
    return {name: why for name, why in reasons.items() if why is not None}


def models_of_folds(ctx: JobContext, model: str) -> dict[date, Row]:
    """The model of each fold of the back-test; a fold before the shop's first event has none."""
    rows = _of_days(ctx, ctx.run.folds).where(F.col("model") == model).collect()
    fits = {fold: models_of(rows, fold, "backtest") for fold in ctx.run.folds}
    return {fold: fit[model] for fold, fit in fits.items() if fit}


def models_by_cutoff(ctx: JobContext, model: str) -> dict[date, Row]:
    """The model for each cut-off that needs lists: for a fold its back-test model, for tonight the model of record.

    A cut-off whose model is left out is not there.

    Raises:
        OperatorError: as `models_in_use`.
    """
    in_use = models_in_use(ctx, model)
    return models_of_folds(ctx, model) | ({ctx.as_of: in_use[model]} if model in in_use else {})


def _of_record(ctx: JobContext, *needed: str) -> dict[str, Row]:
    day, limit = ctx.run.train_cutoff, ctx.run.conf.env.max_model_age_days
    rows = _of_days(ctx, [day]).collect()
    return serving_models(rows, day, ctx.as_of, limit, shop=ctx.shop.name, needed=needed)


def _of_days(ctx: JobContext, days: Collection[date]) -> DataFrame:
    return ctx.read("training.models").where(F.col("train_cutoff").isin(list(days)))


def version_of(ctx: JobContext, model: str, cutoff: date, about: dict[str, Any]) -> str:
    """Model, training day, purpose and a hash of `about` and the code version: equal fits have equal versions."""
    digest = hashlib.sha256(json.dumps([about, ctx.run.code_version], sort_keys=True, default=str).encode()).hexdigest()
    return f"{model}-{cutoff}-{purpose(ctx, cutoff)}-{digest[:10]}"


def purpose(ctx: JobContext, cutoff: date) -> Purpose:
    return "backtest" if cutoff in ctx.run.folds else "record"


def left_out_row(ctx: JobContext, model: str, parameters: dict[str, Any], why: str) -> tuple[Any, ...]:
    """The row of a model that the training day has too little to fit, and a line of the log.

    Its version has no hash and so is the smallest of the day: a fit of the same day that succeeds is used instead.
    """
    cutoff = ctx.run.train_cutoff
    ctx.log.warning("%s is left out: %s", model, why)
    return model_row(ctx, model, f"{model}-{cutoff}-record", cutoff, parameters, {_LEFT_OUT: why})


def why_left_out(row: Row) -> str | None:
    """Why a row of training.models has no model; None if it has one."""
    why: str | None = json.loads(row["fitted"]).get(_LEFT_OUT)
    return why


def model_row(
    ctx: JobContext,
    model: str,
    version: str,
    cutoff: date,
    parameters: dict[str, Any],
    fitted: dict[str, Any],
    weights_uri: str | None = None,
    checksum: str | None = None,
) -> tuple[Any, ...]:
    """The row of a fit, in the table's column order.

    Raises:
        PermissionError: the catalog does not list the model for this job.
    """
    if model not in ctx.job.models:
        raise PermissionError(f"{ctx.job.name}: the catalog does not list {model!r} among its models")
    row = {
        "shop": ctx.shop.name,
        "model": model,
        "version": version,
        "purpose": purpose(ctx, cutoff),
        "train_cutoff": cutoff,
        "parameters": json.dumps(parameters, sort_keys=True),
        "data_versions": dict(ctx.versions_read),
        "code_version": ctx.run.code_version,
        "weights_uri": weights_uri,
        "checksum": checksum,
        "fitted": json.dumps(fitted, sort_keys=True),
    }
    return tuple(row.get(name) for name in table("training.models").column_names)

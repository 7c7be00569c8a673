"""Writes rows of training.models, and reads the models that libs.registry.choice selects."""

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


def recorded_models(spark: SparkSession, conf: Conf) -> list[Row]:
    """Every fit of the shop: model, version, purpose, train_cutoff. One row per fit: few rows in any shop."""
    assert conf.shop is not None
    rows = delta.read(spark, conf.env.warehouse, table("training.models"))
    fits: list[Row] = (
        rows.where(F.col("shop") == conf.shop.name).select("model", "version", "purpose", "train_cutoff").collect()
    )
    return fits


def models_in_use(ctx: JobContext, *needed: str) -> dict[str, Row]:
    """The models of record that serve tonight, by name: those of the run's training day.

    Raises:
        OperatorError: one of `needed` has no record for that day, or the day is too old.
    """
    day, limit = ctx.run.train_cutoff, ctx.run.conf.env.max_model_age_days
    rows = _of_days(ctx, [day]).collect()
    return serving_models(rows, day, ctx.as_of, limit, shop=ctx.shop.name, needed=needed)


def models_of_folds(ctx: JobContext, model: str) -> dict[date, Row]:
    """The model of each fold of the back-test; a fold before the shop's first event has none."""
    rows = _of_days(ctx, ctx.run.folds).where(F.col("model") == model).collect()
    fits = {fold: models_of(rows, fold, "backtest") for fold in ctx.run.folds}
    return {fold: fit[model] for fold, fit in fits.items() if fit}


def models_by_cutoff(ctx: JobContext, model: str) -> dict[date, Row]:
    """The model for each cut-off that needs lists: for a fold its back-test model, for tonight the model of record.

    Raises:
        OperatorError: as `models_in_use`.
    """
    return models_of_folds(ctx, model) | {ctx.as_of: models_in_use(ctx, model)[model]}


def _of_days(ctx: JobContext, days: Collection[date]) -> DataFrame:
    return ctx.read("training.models").where(F.col("train_cutoff").isin(list(days)))


def version_of(ctx: JobContext, model: str, cutoff: date, about: dict[str, Any]) -> str:
    """Model, training day, purpose and a hash of `about` and the code version: equal fits have equal versions."""
    digest = hashlib.sha256(json.dumps([about, ctx.run.code_version], sort_keys=True, default=str).encode()).hexdigest()
    return f"{model}-{cutoff}-{purpose(ctx, cutoff)}-{digest[:10]}"


def purpose(ctx: JobContext, cutoff: date) -> Purpose:
    return "backtest" if cutoff in ctx.run.folds else "record"


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

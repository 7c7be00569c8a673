"""Rows of training.models: one form for every model."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

from libs.job import JobContext
from libs.tables import table


def version_of(ctx: JobContext, model: str, cutoff: date, about: dict[str, Any]) -> str:
    """Model, training day, purpose and a hash of what it was fitted with: equal fits have equal names."""
    digest = hashlib.sha256(json.dumps([about, ctx.run.code_version], sort_keys=True, default=str).encode()).hexdigest()
    return f"{model}-{cutoff}-{purpose(ctx, cutoff)}-{digest[:10]}"


def purpose(ctx: JobContext, cutoff: date) -> str:
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
    """The row of a fit, in the table's order of columns."""
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

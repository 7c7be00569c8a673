"""In every table: small files put together, the shop's rows past their retention deleted, old files vacuumed.

Retention counts back from the newest published day, never from a clock. What may still be asked for stays however old:
the newest release and the pinned one with the snapshots they show, the newest models with the snapshots they were
fitted on, and the lists whose horizon has not passed (evaluation.realised).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.job import JobContext
from libs.registry.choice import whole_days
from libs.registry.weights import sweep_checkpoints, sweep_models
from libs.spark import maintenance
from libs.tables import MODELS, TABLES, Table, table

# Days past its horizon in which a release is sure to be scored.
_SLACK_DAYS = 35


@dataclass(frozen=True)
class Params:
    """vacuum_hours: files that no version of the last so many hours needs are deleted; a run takes fewer than 168.

    retention_days: by table's name, over the table's own.
    """

    vacuum_hours: int = maintenance.SAFE_HOURS
    retention_days: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Needed:
    """What stays however old: releases, models' versions, and cut-offs of snapshots that either rests on."""

    newest: date
    releases: tuple[str, ...]
    models: tuple[str, ...]
    cutoffs: tuple[date, ...]


def run(ctx: JobContext) -> None:
    params, needed = ctx.params(Params), still_needed(ctx)
    for name in params.retention_days.keys() - TABLES.keys():
        raise OperatorError(
            f"maintenance.compact_tables.retention_days: no table {name!r}; `reasonrec tables` lists them"
        )
    tables = maintenance.existing(ctx.spark, ctx.run.conf.env.warehouse)
    for number, found in enumerate(tables, 1):
        before, after = tidy(ctx, found, params, needed)
        ctx.log.info("[%d/%d] %s: files %d -> %d, bytes %d -> %d", number, len(tables), found.name,
                     before[0], after[0], before[1], after[1])  # fmt: skip
    sweep_weights(ctx, params.vacuum_hours * 3600)


def tidy(ctx: JobContext, of: Table, params: Params, needed: Needed | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """Deletes a table's old rows, puts its files together and vacuums; (files, bytes) before and after."""
    warehouse = ctx.run.conf.env.warehouse
    before = maintenance.sizes(ctx.spark, warehouse, of)
    old = expired(of, params.retention_days.get(of.name, kept_days(of, ctx)), needed) if needed else None
    if old is not None:
        maintenance.delete_where(ctx.spark, warehouse, of, (F.col("shop") == ctx.shop.name) & old)
    maintenance.compact(ctx.spark, warehouse, of)
    maintenance.vacuum(ctx.spark, warehouse, of, params.vacuum_hours)
    return before, maintenance.sizes(ctx.spark, warehouse, of)


def sweep_weights(ctx: JobContext, older_than_s: float) -> None:
    """Deletes weights that no row of training.models names, and checkpoints of fits that never ended."""
    warehouse = ctx.run.conf.env.warehouse
    versions = [row["version"] for row in ctx.read("training.models").select("version").collect()]
    swept = sweep_models(warehouse, ctx.shop.name, versions, older_than_s)
    ctx.log.info("weights of %d models that are in no row any more deleted", len(swept))
    swept = sweep_checkpoints(warehouse, ctx.shop.name, older_than_s)
    ctx.log.info("checkpoints of %d fits that never ended deleted", len(swept))


def still_needed(ctx: JobContext) -> Needed | None:
    """None for a shop that has published nothing: nothing of it is old."""
    published = ctx.read("results.releases").where(F.col("status") == "published")
    newest = published.orderBy(F.desc("as_of"), F.desc("attempt")).first()
    if newest is None:
        return None
    day = min(newest["as_of"], ctx.as_of)
    pin = ctx.read("results.pins").orderBy(F.desc("seq")).first()
    shown = {newest["release_id"], pin["release_id"] if pin else None}
    releases = published.where(F.col("release_id").isin([one for one in shown if one])).collect()
    named = {version for row in releases for version in row["model_versions"].values()}
    fits = ctx.read("training.models").where(F.col("purpose") == "record")
    records = fits.select("model", "version", "purpose", "train_cutoff").collect()
    newest_training = max(whole_days(records, MODELS), default=None)
    limit = day - timedelta(days=kept_days(table("training.models"), ctx) or 0)
    models = [
        r
        for r in records
        if r["train_cutoff"] == newest_training or r["train_cutoff"] >= limit or r["version"] in named
    ]
    return Needed(
        day,
        tuple(sorted(row["release_id"] for row in releases)),
        tuple(sorted(row["version"] for row in models)),
        tuple(sorted({row["as_of"] for row in releases} | {row["train_cutoff"] for row in models})),
    )


def kept_days(found: Table, ctx: JobContext) -> int | None:
    """A table's retention; what a release is measured by is kept until its horizon has passed."""
    measured = found.layer == "results" or found.name == "features.user_history"
    if found.retention_days is None or not measured:
        return found.retention_days
    return max(found.retention_days, ctx.shop.evaluation.horizon_days + _SLACK_DAYS)


def expired(found: Table, days: int | None, needed: Needed) -> Column | None:
    """Which rows are past retention and needed by nothing; None where the table keeps all."""
    if days is None:
        return None
    limit = needed.newest - timedelta(days=days)
    columns = set(found.column_names)
    if "release_id" in columns and found.layer == "results":
        day = F.substring("release_id", 1, 10).cast("date")
        return (day < F.lit(limit)) & ~F.col("release_id").isin(list(needed.releases))
    if found.name == "training.models":
        return (F.col("train_cutoff") < F.lit(limit)) & ~F.col("version").isin(list(needed.models))
    if "cutoff" in columns:
        # Candidates serve one night; features and vocabularies belong to the release and the models made from them.
        kept = needed.cutoffs if found.layer in ("features", "training") else ()
        return (F.col("cutoff") < F.lit(limit)) & ~F.col("cutoff").isin(list(kept))
    day = F.col("day") if "day" in columns else F.col("window_end")
    return day < F.lit(limit)

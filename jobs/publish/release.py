"""One row: an attempt that readers may see. Everything before it is invisible; this row publishes all of it at once."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from libs.errors import GateError, OperatorError
from libs.job import JobContext
from libs.registry.models import models_in_use
from libs.tables import TABLES, VIEWS, released_tables

# Which release is shown; not part of one.
_CHOICE = {"results.releases", "results.pins"}


def run(ctx: JobContext) -> None:
    audits = ctx.read("quality.audits").where(F.col("release_id") == ctx.run.release_id)
    refuse_failed(ctx, audits)
    lists = ctx.read("results.recommendations").where(F.col("release_id") == ctx.run.release_id)
    counts = lists.agg(F.count("*").alias("rows"), F.count_distinct("user_id").alias("users")).first()
    # A shop of guests alone has no lists, and its audit says so; without an audit the lists may just be missing.
    if not counts or (not counts["rows"] and audits.isEmpty()):
        raise OperatorError(
            f"release {ctx.run.release_id} of {ctx.shop.name} has no recommendations: nothing to publish"
        )
    languages = ctx.read("results.explanations").where(F.col("release_id") == ctx.run.release_id)
    written = sorted(row["language"] for row in languages.select("language").distinct().collect())
    failed = audits.where(~F.col("passed")).orderBy("check").collect()
    warnings = [f"{row['check']}: {row['message']}" for row in failed]
    row = release(ctx, counts, written, warnings)
    ctx.write("results.releases", ctx.spark.createDataFrame([row], TABLES["results.releases"].ddl))
    figures = (ctx.run.release_id, counts["users"], counts["rows"], len(warnings))
    ctx.log.info("published %s: %d users, %d rows, %d warnings", *figures)


def refuse_failed(ctx: JobContext, audits: DataFrame) -> None:
    """Raises GateError when a gate or the release's audit failed: also for an operator who runs this job by hand."""
    gates = ctx.read("quality.gate_results").where((F.col("cutoff") == F.lit(ctx.as_of)) & ~F.col("passed"))
    failed = gates.where(F.col("severity") == "stop").orderBy("gate", "table", "check").first()
    if failed:
        raise GateError(
            f"not published: {failed['gate']} gate, {failed['table']}: {failed['check']} ({failed['observed']})"
        )
    stopped = audits.where(~F.col("passed") & (F.col("severity") == "stop")).orderBy("check").first()
    if stopped:
        raise GateError(f"not published: audit of {ctx.run.release_id}: {stopped['check']} ({stopped['message']})")


def shown() -> list[str]:
    """What a reader of the release sees: its own tables, and the snapshots that views read beside them."""
    read = {name for view in VIEWS.values() for name in view.reads if name in TABLES} - _CHOICE
    return sorted(read | {table.name for table in released_tables()})


def release(ctx: JobContext, counts: Row, languages: list[str], warnings: list[str]) -> tuple[object, ...]:
    """The row, in the table's order."""
    values = {
        "shop": ctx.shop.name,
        "release_id": ctx.run.release_id,
        "as_of": ctx.as_of,
        "attempt": ctx.run.attempt,
        "status": "published",
        "model_versions": {model: row["version"] for model, row in models_in_use(ctx).items()},
        "table_versions": {name: version for name in shown() if (version := ctx.version(name)) is not None},
        "languages": languages,
        "users": counts["users"],
        "recommendations": counts["rows"],
        "stale": ctx.run.stale,
        "warnings": warnings,
        "published_at": datetime.now(UTC),
    }
    return tuple(values[name] for name in TABLES["results.releases"].column_names)

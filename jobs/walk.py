"""Walks the catalog: which jobs a command runs, in which order, and what a failure does to the rest."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from jobs.catalog import Job, models_before, models_of, select
from jobs.night_alarms import of_failure, of_release, raise_alarms, without_secrets
from libs.conf import Conf
from libs.errors import OperatorError
from libs.job import JobContext, Run
from libs.logs import visible
from libs.metering.usage import JobMeter
from libs.registry.choice import serving_day, whole_days
from libs.registry.models import recorded_models
from libs.spark import delta
from libs.spark.errors import root_cause
from libs.tables import MODELS, table
from libs.window import Window, fold_cutoffs, train_cutoff

_LONG_S = 60  # the cost of a job that takes longer is logged
_MEASURES = "evaluation.backtest"
# Its plan reads no table: any table may have an older schema version.
_MIGRATE = "maintenance.migrate_tables"
# Tables that the plan and the walk themselves read and write.
_OF_WALK = ("training.models", "results.releases", "results.recommendations", "quality.job_runs")


@dataclass(frozen=True)
class Plan:
    """What a command will do.

    Attributes:
        jobs: in the order of execution.
        run: the context that the jobs share.
        why: one line: whether training is due, and which models are used.
    """

    jobs: tuple[Job, ...]
    run: Run
    why: str


def make_plan(spark: SparkSession, conf: Conf, what: str, window: Window, train: bool) -> Plan:
    """Decides which jobs to run for a window and which models they use.

    Training is due when the window's training day has no models yet. A window that ends before the newest release is a
    backfill, which trains only with `train`. A group after training that runs in its own process uses the new models;
    if there are none, it uses the newest earlier models and the run is `stale`.

    Args:
        what: `daily`, a group, or a job's name.
        train: train even if training is not due.

    Raises:
        OperatorError: no model may be used for the day, or a table has the schema version of an older or newer release
            of the code.
    """
    assert conf.shop is not None
    as_of, name = window.as_of, conf.shop.name
    wanted = train_cutoff(as_of, conf.env.train_every_days)
    if what == _MIGRATE:
        run = Run(uuid.uuid4().hex[:12], conf, window, (as_of,), wanted, (), f"{as_of}-01", 1, _code_version())
        return Plan(select(what), run, "tables of an older schema version")
    require_versions(spark, conf, select(what))
    recorded = recorded_models(spark, conf)
    measured = _measured_days(spark, conf, recorded)
    newest_release, newest_day = _newest_release(spark, conf), serving_day(measured, as_of)
    backfill = newest_release is not None and as_of < newest_release
    missing = not backfill and wanted not in measured
    # For groups in separate processes: has the training group finished, and which models must exist before this group?
    fitted = wanted in whole_days(recorded, models_of(select("training")))
    waits_for = models_before(what)
    due, jobs = train or missing, select(what)
    if len(jobs) == 1:
        due = train or jobs[0].cadence == "training_day"
    elif what == "training":  # may run again before the weights are fitted
        due = train or (missing and not fitted)
    elif waits_for:
        due = due and (wanted in measured if waits_for == MODELS else fitted)
        if what == "results" and missing and not due and newest_day and fitted:
            # The existing candidates come from models that the release will not name.
            jobs = select("candidates") + jobs
    jobs = tuple(job for job in jobs if due or job.cadence != "training_day")
    if due:
        used, why = wanted, f"training is due: models of {wanted}"
    elif newest_day:
        used, why = newest_day, f"models of {newest_day}"
    else:
        used, why = wanted, "no model yet"
        if what == "daily" or waits_for:
            raise OperatorError(
                f"no model for {name} as of {as_of}: a backfill never trains unless told; add --train (in day order),"
                " or start with an earlier window"
            )
    evaluation = conf.shop.evaluation
    folds = tuple(fold_cutoffs(used, evaluation.horizon_days, evaluation.windows)) if due else ()
    cutoffs = tuple(sorted({as_of, used, *folds})) if due else (as_of,)
    attempt = _attempts(spark, conf, as_of) + (1 if any(job.name == "scoring.recommendations" for job in jobs) else 0)
    run = Run(
        run_id=uuid.uuid4().hex[:12],
        conf=conf,
        window=window,
        cutoffs=cutoffs,
        train_cutoff=used,
        folds=folds,
        release_id=f"{as_of}-{max(attempt, 1):02d}",
        attempt=max(attempt, 1),
        code_version=_code_version(),
        stale=missing and not due and bool(waits_for),
    )
    return Plan(jobs, run, why)


def require_versions(spark: SparkSession, conf: Conf, jobs: tuple[Job, ...]) -> None:
    """Raises OperatorError if a table of the jobs has another schema version; called before the first job runs."""
    names = {*_OF_WALK, *(name for job in jobs for name in (*job.reads, *job.writes))}
    for needed in map(table, sorted(names)):
        if delta.exists(spark, conf.env.warehouse, needed):
            delta.require_version(spark, delta.uri(conf.env.warehouse, needed), needed)


def walk(spark: SparkSession, plan: Plan, secrets: dict[str, str]) -> Run:
    """Runs the plan's jobs in order and returns the run.

    Each job adds a row to quality.job_runs when it ends, even if it fails: a killed run leaves those of its jobs.

    A failed training job does not stop the night if earlier models are young enough: the remaining jobs use those,
    candidates computed before are computed again, and the release is marked `stale`. Any other failure stops the walk.

    Raises:
        OperatorError: training failed and no earlier models are young enough.
    """
    log = logging.getLogger("reasonrec")
    run, skipping, jobs = plan.run, False, list(plan.jobs)
    for number, job in enumerate(jobs, 1):
        if skipping and job.cadence == "training_day":
            continue
        started, meter = time.monotonic(), JobMeter(spark)
        ctx = JobContext(spark, run, job, secrets)
        record: dict[str, Any] = {"status": "failed", "error": "interrupted", "started_at": datetime.now(UTC)}
        try:
            module = importlib.import_module(f"jobs.{job.name}")
            log.info("[%d/%d] %s", number, len(jobs), job.name, extra={"run": run.run_id})
            module.run(ctx)
            if job.name == "publish.release":
                ctx.alarms += of_release(run, datetime.now(UTC))
            record |= {"status": "done", "error": None}
        except Exception as error:
            record["error"] = without_secrets(one_line(error), secrets)
            ctx.alarms.append(of_failure(job.name, error))
            # Nothing is left for a group that only trains: its process fails, and the scheduler handles that.
            only_trains = all(later.cadence == "training_day" for later in jobs[number:])
            stops = isinstance(error, OperatorError) and not error.earlier_models_may_do
            if stops or job.cadence != "training_day" or only_trains:
                raise
            fallback = _fallback(spark, run)
            if fallback is None:
                log.error("%s failed", job.name, exc_info=error)
                limit = run.conf.env.max_model_age_days
                raise OperatorError(
                    f"{job.name} failed and {_shop(run)} has no models of the last {limit} days: nothing is"
                    f" published; fix it, then rerun ({one_line(error)})"
                ) from error
            log.error("%s failed, models of %s are used: %s", job.name, fallback.train_cutoff, one_line(error))
            run, skipping = fallback, True
            # The existing candidates come from models that the release will not name.
            jobs[number:number] = [earlier for earlier in jobs[:number] if earlier.stage == "candidates"]
        finally:
            ctx.free()
            record |= meter.stop() | {"seconds": round(time.monotonic() - started, 3)}
            if record["seconds"] >= _LONG_S:
                figures = (record["seconds"], record["cpu_seconds"], record["peak_memory_bytes"] / 2**30)
                ctx.log.info("%.0f s, %.0f CPU seconds, %.1f GiB at most", *figures)
            raised = raise_alarms(run.conf, run.run_id, run.window.as_of, ctx.alarms)
            try:
                _record(spark, run, _job_run(run, ctx, record), raised)
            except Exception as error:
                if record["status"] == "done":
                    raise
                # A full disk may fail this write too; the job's error is the one to raise.
                log.error("quality.job_runs lacks %s: %s", job.name, one_line(error))
    return run


def _record(spark: SparkSession, run: Run, job_run: tuple[Any, ...], raised: list[tuple[Any, ...]]) -> None:
    for name, rows in (("quality.job_runs", [job_run]), ("quality.alarms", raised)):
        if rows:
            delta.append_records(spark, run.conf.env.warehouse, table(name), rows)


def one_line(error: BaseException) -> str:
    """The type and message of the root cause, without a Java stack trace."""
    return visible(f"{type(error).__name__}: {root_cause(error)}")


def _fallback(spark: SparkSession, run: Run) -> Run | None:
    """The run with the newest earlier models, or None if there are none or they are too old."""
    days = _measured_days(spark, run.conf, recorded_models(spark, run.conf))
    earlier = [day for day in days if day < run.train_cutoff]
    used = serving_day(earlier, run.window.as_of, run.conf.env.max_model_age_days)
    if used is None:
        return None
    return replace(run, train_cutoff=used, folds=(), cutoffs=(run.window.as_of,), stale=True)


def _measured_days(spark: SparkSession, conf: Conf, recorded: list[Row]) -> list[date]:
    """Whole training days, except those whose last back-test failed: their models are not measured."""
    runs = delta.read(spark, conf.env.warehouse, table("quality.job_runs"))
    backtests = runs.where((F.col("shop") == conf.shop.name) & (F.col("job") == _MEASURES)).orderBy("started_at")
    last = {
        train_cutoff(row["window_end"], conf.env.train_every_days): row["status"]
        for row in backtests.select("window_end", "status").collect()
    }
    return [day for day in whole_days(recorded, MODELS) if last.get(day) != "failed"]


def _newest_release(spark: SparkSession, conf: Conf) -> date | None:
    releases = delta.read(spark, conf.env.warehouse, table("results.releases"))
    row = releases.where(F.col("shop") == conf.shop.name).agg(F.max("as_of").alias("newest")).first()
    return row["newest"] if row else None


def _attempts(spark: SparkSession, conf: Conf, as_of: date) -> int:
    rows = delta.read(spark, conf.env.warehouse, table("results.recommendations"))
    ids = rows.where(F.col("shop") == conf.shop.name).select("release_id").distinct()
    of_day = ids.where(F.col("release_id").startswith(f"{as_of}-")).agg(F.max("release_id").alias("newest")).first()
    return int(of_day["newest"].rsplit("-", 1)[1]) if of_day and of_day["newest"] else 0


def _code_version() -> str:
    return importlib.metadata.version("reasonrec")


def _shop(run: Run) -> str:
    assert run.conf.shop is not None
    return run.conf.shop.name


def _job_run(run: Run, ctx: JobContext, record: dict[str, Any]) -> tuple[Any, ...]:
    """The job's row of quality.job_runs."""
    values = {
        "shop": _shop(run),
        "run_id": run.run_id,
        "job": ctx.job.name,
        "window_start": run.window.start,
        "window_end": run.window.end,
        "versions_read": ctx.versions_read,
        "versions_written": ctx.versions_written,
        "rows_written": ctx.rows_written,
        "bytes_written": ctx.bytes_written,
        "code_version": run.code_version,
    } | record
    return tuple(values[name] for name in table("quality.job_runs").column_names)

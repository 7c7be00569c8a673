"""Turns groups of the catalog into a DAG: one spark-submit per group, with edges from what jobs read and write."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_dags.alarms import task_failed
from jobs.catalog import ALL_TABLES, GROUPS, Job, compute_of, listed, select

CHECKOUT = Path(__file__).resolve().parent.parent
TRAINING_POOL = "gpu_training"
# Exit statuses of jobs/run.py that a retry cannot change, and what they mean.
FINAL = {2: "something to fix", 3: "a gate failed and nothing was published"}


class GroupOperator(SparkSubmitOperator):
    """Runs one group of jobs in one Spark application; does not retry when the exit status says it would not help.

    In client mode spark-submit ends with the job's exit status; in cluster mode it does not, and every failure is
    retried.
    """

    def execute(self, context: Any) -> None:
        # An argument rendered as an empty string is an option that was not chosen.
        self.application_args = [argument for argument in self.application_args or [] if argument]
        self._hook = self._get_hook()
        try:
            with contextlib.chdir(CHECKOUT):  # conf's relative paths start here
                super().execute(context)
        except AirflowException as error:
            process = self._hook._submit_sp
            status = process.returncode if process else None
            if status in FINAL:
                raise AirflowFailException(f"exit status {status}, {FINAL[status]}: {_job_error(error)}") from error
            raise


def _job_error(error: Exception) -> str:
    """The job's own error line, from the last lines of the log."""
    lines = [line.strip() for line in str(error).splitlines() if "reasonrec: " in line]
    return lines[-1] if lines else "see the log"


def conf_root() -> Path:
    return Path(os.environ.get("REASONREC_CONF", CHECKOUT / "conf"))


def shops() -> list[str]:
    """The shops of conf/shops; REASONREC_SHOPS=a,b limits them."""
    selected = {name for name in os.environ.get("REASONREC_SHOPS", "").split(",") if name}
    all_shops = sorted(path.stem for path in (conf_root() / "shops").glob("*.yaml"))
    return [shop for shop in all_shops if not selected or shop in selected]


def nightly_groups() -> list[str]:
    """The groups that `reasonrec run daily` runs, in its order."""
    nightly = set(select("daily"))
    return [name for name, jobs in GROUPS.items() if nightly.issuperset(jobs)]


def edges(groups: list[str]) -> list[tuple[str, str]]:
    """(earlier group, later group) for each pair where the later group reads what the earlier one writes."""
    written = {group: {table for job in GROUPS[group] for table in job.writes} for group in groups}
    read = {group: {table for job in GROUPS[group] for table in job.reads} for group in groups}
    return [(early, late) for i, early in enumerate(groups) for late in groups[i + 1 :] if written[early] & read[late]]


def shop_dag(name: str, shop: str, groups: list[str], cron: str, about: str) -> DAG:
    """A DAG of one shop that runs `groups`, in catalog order, at `cron` in the shop's time zone.

    If the DAG publishes, a training that finally fails does not block the tasks after it: they fall back to the newest
    earlier models and mark the release stale.
    """
    zone = _read(conf_root() / "shops" / f"{shop}.yaml").get("timezone", "UTC")
    settings = submit_settings()
    with DAG(
        dag_id=f"{name}_{shop}",
        schedule=CronDataIntervalTimetable(cron, timezone=zone),
        start_date=datetime(1990, 1, 1, tzinfo=ZoneInfo(zone)),  # before any shop's history, so backfills can reach it
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,
        doc_md=about,
        tags=["reasonrec", shop],
        params={
            "start": Param(None, type=["null", "string"], format="date", description="First day of one long window"),
            "train": Param(False, type="boolean", description="Train even in a backfill, or again"),
        },
        default_args={
            "owner": "reasonrec",
            "retries": settings["retries"],
            "retry_delay": timedelta(minutes=settings["retry_minutes"]),
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(minutes=settings["max_retry_minutes"]),
            "on_failure_callback": task_failed,
        },
    ) as dag:
        tasks = {group: _task(group, shop, settings) for group in groups}
        publishes = any(_published(group) for group in groups)
        upstream = {
            group: _settled(tasks[group]) if publishes and _only_trains(group) else tasks[group] for group in groups
        }
        for early, late in edges(groups):
            upstream[early] >> tasks[late]
    return dag


def submit_settings() -> dict[str, Any]:
    """conf/airflow/base.yaml, overridden by the file of REASONREC_ENV if there is one."""
    folder = conf_root() / "airflow"
    of_env = folder / f"{os.environ.get('REASONREC_ENV', 'dev')}.yaml"
    return _merged(_read(folder / "base.yaml"), _read(of_env) if of_env.is_file() else {})


def _task(group: str, shop: str, settings: dict[str, Any]) -> GroupOperator:
    jobs = GROUPS[group]
    size = compute_of(jobs)
    submit = _merged(settings["submit"]["every"], settings["submit"][size])
    return GroupOperator(
        task_id=group,
        name=f"reasonrec {group} {shop}",
        application=str(CHECKOUT / "jobs" / "run.py"),
        application_args=[
            group,
            f"--shop={shop}",
            "--start={{ params.start or data_interval_start | ts }}",
            "--end={{ data_interval_end | ts }}",
            f"--env={os.environ.get('REASONREC_ENV', 'dev')}",
            f"--conf={conf_root()}",
            "{{ '--train' if params.train else '' }}",
        ],
        execution_timeout=timedelta(minutes=settings["timeout_minutes"][size]),
        # A shop's tasks run one at a time across DAGs, so two never write the same window at once.
        pool=TRAINING_POOL if size == "ranks" else f"shop_{shop}",
        outlets=[Asset(name=f"{shop}/{table}", uri=f"x-reasonrec://{shop}/{table}") for table in _published(group)],
        doc_md=task_doc(jobs),
        **_filled(submit),
    )


def _settled(task: GroupOperator) -> EmptyOperator:
    """A task that succeeds once `task` has ended, whether it succeeded or failed; stands in for it downstream."""
    settled = EmptyOperator(
        task_id=f"{task.task_id}_settled",
        trigger_rule=TriggerRule.ALL_DONE,
        execution_timeout=timedelta(minutes=1),
        doc_md=f"Lets the night go on with earlier models when `{task.task_id}` has finally failed.",
    )
    task >> settled
    return settled


def _only_trains(group: str) -> bool:
    return all(job.cadence == "training_day" for job in GROUPS[group])


def _published(group: str) -> list[str]:
    """Tables whose new rows readers see once the group is done: results it reads or writes, if it writes releases."""
    jobs = [job for job in GROUPS[group] if job.writes != ALL_TABLES]  # maintenance shows readers nothing new
    if not any("results.releases" in job.writes for job in jobs):
        return []
    tables = {table for job in jobs for table in (*job.reads, *job.writes)}
    return sorted(table for table in tables if table.startswith("results."))


def task_doc(jobs: tuple[Job, ...]) -> str:
    """What each job of a group reads and writes, in Markdown; as a list, because the UI shows it in a narrow column."""
    return "\n\n".join(
        f"`{job.name}` ({job.cadence}): {job.about}\n- reads {listed(job.reads)}\n- writes {listed(job.writes)}"
        for job in jobs
    )


def _filled(value: Any) -> Any:
    """The value with {checkout}, {cache} and {jars} filled in, in all strings at any depth of dicts."""
    if isinstance(value, dict):
        return {key: _filled(nested) for key, nested in value.items()}
    if not isinstance(value, str):
        return value
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reasonrec"
    jars = ":".join(str(jar) for jar in sorted((cache / "jars").glob("*.jar")))
    for name, replacement in {"checkout": str(CHECKOUT), "cache": str(cache), "jars": jars}.items():
        value = value.replace(f"{{{name}}}", replacement)
    return value


def _merged(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """`base` overridden by `override`, key by key at every depth; null removes a key."""
    merged = {**base}
    for key, value in override.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if nested else value
    return {key: value for key, value in merged.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}

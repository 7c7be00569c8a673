"""The DAGs as Airflow reads them, with the machine's own paths out of the way; no database is needed."""

import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="reasonrec-airflow-tests-"))
for jar in ("delta-spark.jar", "delta-storage.jar"):
    (HOME / "cache" / "reasonrec" / "jars").mkdir(parents=True, exist_ok=True)
    (HOME / "cache" / "reasonrec" / "jars" / jar).touch()
for name in [name for name in os.environ if name.startswith(("AIRFLOW", "REASONREC"))]:
    del os.environ[name]
# Before Airflow is imported: it reads its settings then.
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    "XDG_CACHE_HOME": str(HOME / "cache"),
}


@pytest.fixture(scope="session")
def bag():
    """All DAG files, read as the scheduler's DAG processor reads them; `cpu_s` says what that cost."""
    started = time.process_time()
    from airflow.dag_processing.dagbag import DagBag

    found = DagBag(str(ROOT / "airflow_dags"))
    assert found.import_errors == {}
    return SimpleNamespace(dags=found.dags, cpu_s=time.process_time() - started)


@pytest.fixture(scope="session")
def dags(bag):
    return bag.dags


@pytest.fixture(scope="session")
def next_interval():
    """The data interval that the scheduler itself makes after the one that ended with a day: next_interval(dag, day)."""
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import DataInterval, TimeRestriction
    from pendulum import instance

    def interval(dag, day, last_day):
        zone = ZoneInfo(str(dag.timetable.timezone))
        last = DataInterval(*(instance(datetime.fromisoformat(each).replace(tzinfo=zone)) for each in (last_day, day)))
        info = coerce_to_core_timetable(dag.timetable).next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(None, None, True)
        )
        assert info.run_after == info.data_interval.end  # not before the day is over
        return info.data_interval

    return interval


@pytest.fixture
def commands(monkeypatch):
    """The command that each of a DAG's tasks really starts for an interval: {group: [word, ...]}."""
    from airflow.providers.apache.spark.hooks import spark_submit

    started = []

    def popen(command, **options):
        assert options["env"]["PYTHONPATH"] == str(ROOT)
        assert Path.cwd() == ROOT
        started.append(command)
        return SimpleNamespace(stdout=iter(()), wait=lambda: 0, returncode=0)

    monkeypatch.setattr(spark_submit.subprocess, "Popen", popen)

    def start(dag, interval, **params):
        context = {
            "params": {"start": None, "train": False} | params,
            "data_interval_start": interval.start,
            "data_interval_end": interval.end,
        }
        started.clear()
        found = {}
        for task in dag.topological_sort():
            if hasattr(task, "application"):
                copy = task.prepare_for_execution()
                copy.render_template_fields(context)
                copy.execute(context)
                found[task.task_id] = started.pop()
        return found

    return start

"""Tasks that fail on the executors of a small cluster, and one that is run twice: the tables are as without."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyspark
import pytest
import yaml

from tests.chaos.conftest import MONDAY, NIGHT, ROOT, TUESDAY, Shop

# Two executors of one slot on this machine; a task that takes a second longer than it may is run a second time.
CLUSTER = {
    "spark.master": "local-cluster[2,1,1024]",
    "spark.executor.memory": "1g",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
    "spark.task.maxFailures": "4",
    "spark.speculation": "true",
    "spark.speculation.interval": "200ms",
    "spark.speculation.task.duration.threshold": "4s",
}


@pytest.fixture
def executors_folders() -> Iterator[None]:
    """Spark's test cluster keeps its executors' logs in its own installation: removed here."""
    work = Path(pyspark.__file__).parent / "work"
    before = set(work.glob("app-*"))
    yield
    for folder in set(work.glob("app-*")) - before:
        shutil.rmtree(folder)


@pytest.mark.usefixtures("executors_folders")
@pytest.mark.fault("a task that raises", "an executor's Python worker killed", "speculative execution")
def test_tasks_that_fail_or_run_twice_change_no_table(
    shop: Shop, equal: Callable[[Shop], None], tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(shop.root, conf)
    settings = yaml.safe_load((conf / "test.yaml").read_text())
    settings["spark"] |= CLUSTER
    (conf / "test.yaml").write_text(yaml.safe_dump(settings))
    marks = tmp_path / "marks"
    marks.mkdir()
    child = Shop(shop.spark, conf, shop.warehouse).child("run", "ingest", *NIGHT, fault=f"bad_workers:{marks}").wait()
    assert child.status == 0, child.log
    assert {mark.name for mark in marks.iterdir()} == {"raised", "killed", "slow", "run again"}, child.log
    shop.run(TUESDAY, start=MONDAY)
    equal(shop)

"""Tasks that fail or run twice on the executors of a small cluster change no table."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyspark
import pytest
import yaml

from tests.chaos.child import ROOT
from tests.chaos.conftest import MONDAY, NIGHT, TUESDAY, Shop

# Each worker has its own address, because Spark runs a speculative copy of a task only on another host.
HOSTS = ("127.0.0.1", "127.0.0.2")
SPECULATION = {
    "spark.executor.memory": "1g",
    "spark.executor.cores": "1",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
    "spark.task.maxFailures": "4",
    "spark.speculation": "true",
    "spark.speculation.interval": "200ms",
    "spark.speculation.task.duration.threshold": "4s",
}


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """The address of a standalone cluster with two workers on this machine."""
    with socket.socket() as probe:
        probe.bind((HOSTS[0], 0))
        port = probe.getsockname()[1]
    address = f"spark://{HOSTS[0]}:{port}"
    deploy = "org.apache.spark.deploy"
    parts = [(f"{deploy}.master.Master", "--host", HOSTS[0], "--port", str(port), "--webui-port", "0")]
    for host in HOSTS:
        folder = str(tmp_path / host)
        parts.append(
            (
                f"{deploy}.worker.Worker",
                "--host",
                host,
                "-c",
                "1",
                "-m",
                "1g",
                "-d",
                folder,
                "--webui-port",
                "0",
                address,
            )
        )
    home = Path(pyspark.__file__).parent
    variables = {**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"}
    running = []
    with (tmp_path / "cluster.log").open("w") as log:
        for part in parts:
            running.append(
                subprocess.Popen([home / "bin" / "spark-class", *part], env=variables, stdout=log, stderr=log)
            )
            _wait_for_port(HOSTS[0], port)
    yield address
    for process in running[::-1]:
        process.terminate()
        process.wait(30)


def _wait_for_port(host: str, port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {host}:{port}")


@pytest.mark.fault("a task that raises", "an executor's Python worker killed", "speculative execution")
def test_tasks_that_fail_or_run_twice_change_no_table(
    shop: Shop, equal: Callable[[Shop], None], master: str, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(shop.root, conf)
    settings = yaml.safe_load((conf / "test.yaml").read_text())
    settings["spark"] |= SPECULATION | {"spark.master": master}
    settings.setdefault("compute", {}).setdefault("ranks", {})["spark.speculation"] = "false"
    (conf / "test.yaml").write_text(yaml.safe_dump(settings))
    marks = tmp_path / "marks"
    marks.mkdir()
    child = Shop(shop.spark, conf, shop.warehouse).child("run", "ingest", *NIGHT, fault=f"bad_workers:{marks}").wait()
    assert child.status == 0, child.log
    assert {mark.name for mark in marks.iterdir()} == {"raised", "killed", "slow", "run again"}, child.log
    shop.run(TUESDAY, start=MONDAY)
    equal(shop)

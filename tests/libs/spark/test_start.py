"""The JVM's start-up lines stay off the terminal; its errors do not."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from pyspark import SparkConf, SparkContext

from libs.spark import start

LINES = """WARNING: Using incubator modules: jdk.incubator.vector
Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties
26/11/29 13:42:42 WARN Utils: Your hostname, vm, resolves to a loopback address: 127.0.0.1; using 10.0.0.2 instead
26/11/29 13:42:43 WARN NativeCodeLoader: Unable to load native-hadoop library for your platform
Setting default log level to "WARN".
To adjust logging level use sc.setLogLevel(newLevel). For SparkR, use setLogLevel(newLevel).
:: loading settings :: url = jar:file:/ivysettings.xml
26/11/29 13:42:44 ERROR DiskBlockManager: Failed to create local dir in /full
"""


@pytest.fixture
def jvm(monkeypatch, tmp_path: Path):
    """A stand-in for the JVM: prints LINES to its standard error, and one line more when a file appears."""
    started = tmp_path / "started"

    def launch(conf, popen_kwargs):
        script = f"printf '%s' \"$LINES\" >&2; until [ -e {started} ]; do sleep 0.01; done; echo later >&2"
        subprocess.Popen(["sh", "-c", script], env={"LINES": LINES, "PATH": "/usr/bin:/bin"}, **popen_kwargs)
        return object()

    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr(SparkContext, "_ensure_initialized", lambda **_: None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setattr(start, "launch_gateway", launch)
    return started


def test_the_usual_lines_are_dropped_and_an_error_and_whatever_comes_later_are_printed(jvm: Path, capfd) -> None:
    with start.quiet_start(SparkConf(loadDefaults=False)):
        time.sleep(0.2)
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == LINES.splitlines(keepends=True)[-1]
    jvm.touch()
    time.sleep(0.2)
    assert capfd.readouterr().err == "later\n"


def test_a_start_that_fails_prints_every_line(jvm: Path, capfd) -> None:
    with pytest.raises(RuntimeError), start.quiet_start(SparkConf(loadDefaults=False)):
        raise RuntimeError("the JVM died")
    assert capfd.readouterr().err == LINES
    jvm.touch()

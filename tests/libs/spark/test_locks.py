from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.spark.locks import BusyError, commit_lock

ROOT = Path(__file__).resolve().parents[3]
_HOLDS = """
import sys, time
from libs.spark.locks import commit_lock
with commit_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the table at the folder of this test."""
    command = [sys.executable, "-c", _HOLDS, tmp_path.as_uri()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_table_that_another_process_holds_is_waited_for_and_named(tmp_path: Path, other: object) -> None:
    with pytest.raises(BusyError, match=tmp_path.name), commit_lock(tmp_path.as_uri(), wait_s=0.3):
        pass
    with commit_lock(f"{tmp_path.as_uri()}/other", wait_s=0.3):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    with commit_lock(tmp_path.as_uri(), wait_s=5):
        pass


def test_an_object_store_needs_no_lock() -> None:
    with commit_lock("s3a://bucket/table", wait_s=0), commit_lock("s3a://bucket/table", wait_s=0):
        pass

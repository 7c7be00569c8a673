from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_FIT = """
import os, signal, sys, time
from libs.training.watchdog import watchdog
with watchdog(2, sys.argv[2]) as moved:
    for _ in range(4):
        time.sleep(0.7)
        moved()
    if sys.argv[1] == "frozen":
        os.kill(os.getpid(), signal.SIGSTOP)
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "failed":
        raise SystemExit(3)
    if sys.argv[1] == "hung":
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("well", 0),
        ("failed", 3),
        ("killed", -signal.SIGKILL),
        ("frozen", -signal.SIGKILL),
        ("hung", -signal.SIGKILL),
    ],
)
def test_a_process_that_makes_no_step_is_ended_and_its_folder_goes_however_it_ends(
    tmp_path: Path, how: str, status: int
) -> None:
    folder = tmp_path / "staged"
    (folder / "rows-0").mkdir(parents=True)
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", _FIT, how, str(folder)], cwd=ROOT, timeout=30).returncode == status
    assert time.monotonic() - started > 2.8
    while folder.exists() and time.monotonic() - started < 30:  # the guard outlives a killed parent by a moment
        time.sleep(0.05)
    assert not folder.exists()
    assert tmp_path.exists()

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
with watchdog(2) as moved:
    for _ in range(4):
        time.sleep(0.7)
        moved()
    if sys.argv[1] == "frozen":
        os.kill(os.getpid(), signal.SIGSTOP)
    if sys.argv[1] == "hung":
        time.sleep(60)
"""


@pytest.mark.parametrize(("how", "status"), [("well", 0), ("frozen", -signal.SIGKILL), ("hung", -signal.SIGKILL)])
def test_a_process_that_makes_no_step_is_ended_and_no_other(how: str, status: int) -> None:
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", _FIT, how], cwd=ROOT, timeout=30).returncode == status
    assert time.monotonic() - started > 2.8

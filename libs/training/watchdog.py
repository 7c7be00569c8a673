"""A watchdog process: kills its parent when the parent stalls, and deletes the parent's folder however it ends.

It is a process of its own because a frozen or killed process can do neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Reads a byte per step; kills the parent if none comes in time, and ends when the pipe closes.
_GUARD = """
import os, select, shutil, signal, sys
while select.select([0], [], [], float(sys.argv[2]))[0]:
    if not os.read(0, 65536):
        break
else:
    print(f"no step in {sys.argv[2]} s: process {sys.argv[1]} is ended", file=sys.stderr, flush=True)
    os.kill(int(sys.argv[1]), signal.SIGKILL)
if sys.argv[3]:
    shutil.rmtree(sys.argv[3], ignore_errors=True)
"""


@contextmanager
def watchdog(timeout_s: float, folder: str = "") -> Iterator[Callable[[], None]]:
    """Yields a function to call at each step; this process is killed if it is not called for `timeout_s` seconds.

    Args:
        folder: deleted when the block, or this process, ends.
    """
    # In a session of its own, so that a kill of this process's group does not kill the guard as well.
    guard = subprocess.Popen(
        [sys.executable, "-S", "-c", _GUARD, f"{os.getpid()}", f"{timeout_s}", folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert guard.stdin is not None
    pipe = guard.stdin.fileno()

    def report_progress() -> None:
        with suppress(BrokenPipeError):  # the guard was killed: the fit goes on without it
            os.write(pipe, b".")

    try:
        yield report_progress
    finally:
        guard.stdin.close()
        guard.wait()

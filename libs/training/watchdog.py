"""A process that ends its parent when the parent stands still, and tidies up behind it however it ends.

Nothing inside a frozen or killed process could.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Reads a byte for each step; without one in time it kills, and it ends when the pipe does.
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
    """Gives a function to call at each step; this process is killed when it is not called for `timeout_s` seconds.

    Args:
        folder: deleted when the block, or this process, has ended.
    """
    # A session of its own: what ends this process by its group must not end the guard too.
    guard = subprocess.Popen(
        [sys.executable, "-S", "-c", _GUARD, f"{os.getpid()}", f"{timeout_s}", folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert guard.stdin is not None
    pipe = guard.stdin.fileno()

    def moved() -> None:
        with suppress(BrokenPipeError):  # somebody ended the guard: the fit is none the worse
            os.write(pipe, b".")

    try:
        yield moved
    finally:
        guard.stdin.close()
        guard.wait()

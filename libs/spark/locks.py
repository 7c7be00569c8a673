"""One process at a time commits to a table of a local warehouse.

Delta asks its log store for "create this file unless it is there". Object stores and HDFS can; for a local disk Delta's
own store looks and then renames, and is only safe within one JVM: of two processes that commit at once one would lose.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 1800


class BusyError(Exception):
    """Another process has held the table for too long; one line."""


@contextmanager
def commit_lock(uri: str, wait_s: float = WAIT_S) -> Iterator[bool]:
    """Holds the table at a `file:` URI against other threads and processes of this machine; any other is left alone.

    Gives whether it is held. The lock is a file in the temporary folder, which the system frees when the process ends,
    however it ends.

    Raises:
        BusyError: not free within `wait_s` seconds.
    """
    if not uri.startswith("file:"):
        yield False
        return
    folder = Path(tempfile.gettempdir()) / f"reasonrec-{os.getuid()}" / "locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(uri.encode()).hexdigest()[:32]
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _wait(descriptor, uri, time.monotonic() + wait_s)
        yield True
    finally:
        os.close(descriptor)


def _wait(descriptor: int, uri: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError(
                    f"{uri}: another process has been writing it for too long; end it, then rerun"
                ) from None
            time.sleep(0.1)

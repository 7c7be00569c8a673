"""A lock: one process at a time commits to a table of a local warehouse.

Delta needs "create this file unless it exists" from its log store. Object stores and HDFS offer that. On a local disk
Delta's log store checks first and then renames, which is safe only within one JVM: when two processes commit at once,
one loses its rows.
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
    """Another process holds the table for too long; the message is one line."""


@contextmanager
def commit_lock(uri: str, wait_s: float = WAIT_S) -> Iterator[bool]:
    """Locks the table at a `file:` URI against other threads and processes of this machine.

    Yields whether the table is locked; a table at any other URI is not. The lock is a flock on a file in the temporary
    folder, so the system releases it however the process ends.

    Raises:
        BusyError: the table stayed locked for `wait_s` seconds.
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
                    f"{uri}: another process has been writing to it for too long; end it, then rerun"
                ) from None
            time.sleep(0.1)

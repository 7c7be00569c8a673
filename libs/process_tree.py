"""CPU time and memory of a command with every process it starts: what a shared machine's noise does not change."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Measured:
    """status: exit status. cpu_s: user and system time of the whole tree. wall_s: on the clock. peak_pss_gib: greatest
    sum of proportional set sizes seen, sampled every two seconds; None where it was not asked for."""

    status: int
    cpu_s: float
    wall_s: float
    peak_pss_gib: float | None


def measure(command: list[str], memory: bool = False, **options: object) -> Measured:
    """Runs a command and waits for it and every process it leaves behind.

    Processes that outlive their parent (Spark's JVM, its Python workers) come to this one as to a sub-reaper, so that
    their time is counted too. Not for a process with other children running.
    """
    adopt_orphans()
    before, started = _children_cpu(), time.monotonic()
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    peak, stop = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(peak, stop), daemon=True)
    if memory:
        sampler.start()
    status = process.wait()
    wall = time.monotonic() - started
    for _ in range(600):  # what is left ends by itself within a minute, or is not waited for
        children = psutil.Process().children()
        if not children:
            break
        psutil.wait_procs(children, timeout=0.1)
    stop.set()
    return Measured(status, _children_cpu() - before, wall, peak[0] if memory else None)


def adopt_orphans() -> None:
    """What a process of this one's tree leaves behind becomes its child, so that its CPU time is not lost."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sample(peak: list[float], stop: threading.Event) -> None:
    while not stop.wait(2):
        total = 0
        for process in psutil.Process().children(recursive=True):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        peak[0] = max(peak[0], total / 2**30)

"""CPU time and memory of a command and all its processes. Unlike wall time, they barely depend on a machine's load."""

from __future__ import annotations

import ctypes
import subprocess
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_S = 2.0
# Proportional set sizes are read again once resident memory has grown by this factor since they were last read.
_GROWTH = 1.02


@dataclass(frozen=True)
class Measured:
    """What a command used.

    Attributes:
        status: exit status.
        cpu_s: user and system time of the whole process tree.
        wall_s: elapsed time.
        peak_pss_gib: greatest sum of proportional set sizes seen (see `TreeMeter`); None if not requested.
    """

    status: int
    cpu_s: float
    wall_s: float
    peak_pss_gib: float | None


def measure(
    command: list[str], memory: bool = False, apart: set[psutil.Process] | None = None, **options: object
) -> Measured:
    """Runs a command and waits for it and for all processes that it leaves behind.

    This process becomes a sub-reaper: it inherits processes that outlive their parent (Spark's JVM, its Python
    workers), so that their time counts too. Children that already run are not counted; none of them may end meanwhile.

    Args:
        apart: children that do not belong to the command; whoever starts one meanwhile must add it.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    excluded, started = set() if apart is None else apart, time.monotonic()
    excluded |= set(psutil.Process().children())
    meter = TreeMeter(apart=excluded)
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    status = process.wait()
    wall = time.monotonic() - started
    for _ in range(600):  # waits up to a minute for what is left to end by itself
        children = set(psutil.Process().children()) - excluded
        if not children:
            break
        psutil.wait_procs(children, timeout=0.1)
    cpu, peak = meter.stop()
    return Measured(status, cpu, wall, peak / 2**30 if memory else None)


class TreeMeter:
    """CPU time and peak memory of this process's tree between the start and `stop`.

    Under spark-submit the JVM is this process's parent and counts; started from Python it is a child. CPU time is
    measured in two ways, neither of which counts too much, and the greater result is used: from the parents, which know
    the time of an ended child only if they waited for it, and from samples of all processes every two seconds, which
    miss what a process did after its last sample. (Nobody waits for Spark's Python workers: their daemon ignores
    SIGCHLD, so the kernel drops their time.)

    Resident memory is sampled every two seconds as well. Proportional set sizes make the kernel walk all pages (0.1 s
    of CPU for a JVM of 4 GB), so they are read again only after resident memory has grown by 2%.

    Args:
        apart: if given, this process does not count, and neither do these children with all their descendants.
    """

    def __init__(self, apart: Collection[psutil.Process] | None = None) -> None:
        self._apart, here = apart, psutil.Process()
        parent = here.parent()
        java = apart is None and parent is not None and parent.name() == "java"
        self._root = parent if java else here
        self._seen: dict[psutil.Process, float] = {}
        self._cpu_at_start, self._peak, self._stop = self._sample(), 0, threading.Event()
        self._before = dict(self._seen)
        self._sampler = threading.Thread(target=self._watch, daemon=True)
        self._sampler.start()

    def stop(self) -> tuple[float, int]:
        """(seconds of user and system time, peak bytes of proportional set size)."""
        self._stop.set()
        self._sampler.join()
        by_parents = self._sample() - self._cpu_at_start
        by_samples = sum(cpu - self._before.get(process, 0.0) for process, cpu in self._seen.items())
        # The kernel counts hundredths of a second; rounding removes the error of adding floats.
        return round(max(by_parents, by_samples), 6), self._peak

    def _watch(self) -> None:
        resident = 0.0
        while True:
            ended = self._stop.is_set()
            tree = self._tree()
            if (now := rss(tree)) > _GROWTH * resident:
                resident, self._peak = now, max(self._peak, pss(tree))
            if ended:
                return
            if not self._stop.wait(_SAMPLE_S):
                self._sample()

    def _tree(self) -> list[psutil.Process]:
        if self._apart is None:
            return [self._root, *self._root.children(recursive=True)]
        children = [child for child in self._root.children() if child not in self._apart]
        return [*children, *(process for child in children for process in _descendants(child))]

    def _sample(self) -> float:
        """Records the CPU time of live processes; returns its sum, including the time of ended children."""
        total = 0.0
        for process in [*self._tree(), *([] if self._apart is None else [self._root])]:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.children_user + times.children_system
            if self._apart is None or process != self._root:
                self._seen[process] = times.user + times.system
                total += self._seen[process]
        return total


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:  # it has just ended
        return []


def pss(processes: list[psutil.Process]) -> int:
    """Sum of the proportional set sizes in bytes; ended processes count 0."""
    return _total(processes, lambda process: process.memory_full_info().pss)


def rss(processes: list[psutil.Process]) -> int:
    """Sum of resident memory in bytes; shared memory counts once for each process."""
    return _total(processes, lambda process: process.memory_info().rss)


def _total(processes: list[psutil.Process], size: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes:
        try:
            total += size(process)
        except psutil.Error:
            continue
    return total

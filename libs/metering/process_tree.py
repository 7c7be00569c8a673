"""CPU time and memory of a command with every process it starts: what a shared machine's noise does not change."""

from __future__ import annotations

import ctypes
import subprocess
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_EVERY_S = 2.0
# Resident memory to what it was at the last look at proportional set sizes, from which on these are read again.
_GROWN = 1.02


@dataclass(frozen=True)
class Measured:
    """status: exit status. cpu_s: user and system time of the whole tree. wall_s: on the clock. peak_pss_gib: greatest
    sum of proportional set sizes seen (TreeMeter); None where it was not asked for."""

    status: int
    cpu_s: float
    wall_s: float
    peak_pss_gib: float | None


def measure(
    command: list[str], memory: bool = False, apart: set[psutil.Process] | None = None, **options: object
) -> Measured:
    """Runs a command and waits for it and every process it leaves behind.

    Processes that outlive their parent (Spark's JVM, its Python workers) come to this one as to a sub-reaper, so that
    their time is counted too. Children that run already are left alone; none of them may end meanwhile.

    Args:
        apart: children that are none of the command's; who starts one meanwhile adds it.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    others, started = set() if apart is None else apart, time.monotonic()
    others |= set(psutil.Process().children())
    meter = TreeMeter(apart=others)
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    status = process.wait()
    wall = time.monotonic() - started
    for _ in range(600):  # what is left ends by itself within a minute, or is not waited for
        children = set(psutil.Process().children()) - others
        if not children:
            break
        psutil.wait_procs(children, timeout=0.1)
    cpu, peak = meter.stop()
    return Measured(status, cpu, wall, peak / 2**30 if memory else None)


class TreeMeter:
    """CPU time and greatest memory, from the start to `stop`, of this process's tree.

    Under spark-submit the JVM is this process's parent, and counts; started from Python it is a child. CPU is told
    twice, and neither tells too much: by the parents, who know of a child that ended only if they waited for it, and by
    the processes seen every two seconds, less what each did after it was last seen. The greater one holds. (Spark's
    Python workers are waited for by nobody: their daemon ignores SIGCHLD, and the kernel drops their time.)

    Resident memory is looked at every two seconds too. Proportional set sizes, for which the kernel walks through all
    pages (0.1 s of CPU for a JVM of 4 GB), are read again where it has grown by a fiftieth.

    Args:
        apart: where given, neither this process counts nor these children of it, with all below them.
    """

    def __init__(self, apart: Collection[psutil.Process] | None = None) -> None:
        self._apart, here = apart, psutil.Process()
        parent = here.parent()
        java = apart is None and parent is not None and parent.name() == "java"
        self._root = parent if java else here
        self._seen: dict[psutil.Process, float] = {}
        self._with_ended, self._peak, self._stop = self._look(), 0, threading.Event()
        self._before = dict(self._seen)
        self._sampler = threading.Thread(target=self._watch, daemon=True)
        self._sampler.start()

    def stop(self) -> tuple[float, int]:
        """(seconds of user and system time, bytes of proportional set size at their greatest)."""
        self._stop.set()
        self._sampler.join()
        by_parents = self._look() - self._with_ended
        by_sight = sum(cpu - self._before.get(process, 0.0) for process, cpu in self._seen.items())
        # The kernel tells hundredths: what lies below a microsecond is the noise of adding floats.
        return round(max(by_parents, by_sight), 6), self._peak

    def _watch(self) -> None:
        resident = 0.0
        while True:
            ended = self._stop.is_set()
            tree = self._tree()
            if (now := rss(tree)) > _GROWN * resident:
                resident, self._peak = now, max(self._peak, pss(tree))
            if ended:
                return
            if not self._stop.wait(_EVERY_S):
                self._look()

    def _tree(self) -> list[psutil.Process]:
        if self._apart is None:
            return [self._root, *self._root.children(recursive=True)]
        tops = [child for child in self._root.children() if child not in self._apart]
        return [*tops, *(process for top in tops for process in _below(top))]

    def _look(self) -> float:
        """Notes the CPU of those that live; gives its sum with the time of children that ended before."""
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


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:  # it has just ended
        return []


def pss(processes: list[psutil.Process]) -> int:
    """Bytes of proportional set size, added up; a process that has ended has none."""
    return _added(processes, lambda process: process.memory_full_info().pss)


def rss(processes: list[psutil.Process]) -> int:
    """Bytes of resident memory, added up: what processes share counts for each."""
    return _added(processes, lambda process: process.memory_info().rss)


def _added(processes: list[psutil.Process], size: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes:
        try:
            total += size(process)
        except psutil.Error:
            continue
    return total

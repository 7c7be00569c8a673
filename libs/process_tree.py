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
    their time is counted too. Children that run already are left alone; none of them may end meanwhile.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    others, before, started = set(psutil.Process().children()), _children_cpu(), time.monotonic()
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    peak, stop = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(peak, stop), daemon=True)
    if memory:
        sampler.start()
    status = process.wait()
    wall = time.monotonic() - started
    for _ in range(600):  # what is left ends by itself within a minute, or is not waited for
        children = set(psutil.Process().children()) - others
        if not children:
            break
        psutil.wait_procs(children, timeout=0.1)
    stop.set()
    return Measured(status, _children_cpu() - before, wall, peak[0] if memory else None)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sample(peak: list[float], stop: threading.Event) -> None:
    while not stop.wait(2):
        peak[0] = max(peak[0], pss(psutil.Process().children(recursive=True)) / 2**30)


class TreeMeter:
    """CPU time and greatest memory, from the start to `stop`, of this process's tree.

    Under spark-submit the JVM is this process's parent, and counts; started from Python it is a child. CPU is told
    twice, and neither tells too much: by the parents, who know of a child that ended only if they waited for it, and by
    the processes seen every two seconds, less what each did after it was last seen. The greater one holds.
    """

    def __init__(self) -> None:
        own = psutil.Process()
        parent = own.parent()
        self._root = parent if parent is not None and parent.name() == "java" else own
        self._seen: dict[psutil.Process, float] = {}
        self._with_ended, self._peak, self._stop = self._look(), 0, threading.Event()
        self._before = dict(self._seen)
        self._sampler = threading.Thread(target=self._watch, daemon=True)
        self._sampler.start()

    def stop(self) -> tuple[float, int]:
        """(seconds of user and system time, bytes of proportional set size at their greatest, sampled every 2 s)."""
        self._stop.set()
        self._sampler.join()
        by_parents = self._look() - self._with_ended
        by_sight = sum(cpu - self._before.get(process, 0.0) for process, cpu in self._seen.items())
        # The kernel tells hundredths: what lies below a microsecond is the noise of adding floats.
        return round(max(by_parents, by_sight), 6), self._peak

    def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, pss(self._tree()))
            if self._stop.wait(2):
                self._peak = max(self._peak, pss(self._tree()))
                return
            self._look()

    def _tree(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def _look(self) -> float:
        """Notes the CPU of those that live; gives its sum with the time of children that ended before."""
        total = 0.0
        for process in self._tree():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            self._seen[process] = times.user + times.system
            total += self._seen[process] + times.children_user + times.children_system
        return total


def pss(processes: list[psutil.Process]) -> int:
    """Bytes of proportional set size, added up; a process that has ended has none."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total

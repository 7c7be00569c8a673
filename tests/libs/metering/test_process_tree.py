"""CPU and memory of a process tree, whatever becomes of its processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil

from libs.metering import process_tree
from libs.metering.process_tree import TreeMeter, measure

BURN = "import time\nend = time.process_time() + {cpu}\nwhile time.process_time() < end: pass"


def alone(test: Callable[[], None]) -> None:
    """Runs it in a process of its own: Spark's JVM, which tests share, would work beside it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        process.submit(test).result()


def burn(cpu: float) -> None:
    subprocess.run([sys.executable, "-c", BURN.format(cpu=cpu)], check=True)


def _a_child_that_ended():
    burn(0.3)
    meter = TreeMeter()
    burn(0.5)
    cpu, peak = meter.stop()
    assert 0.5 <= cpu < 0.8
    assert peak > 1_000_000


def test_the_time_of_a_child_that_ended_counts_and_that_before_the_start_does_not():
    alone(_a_child_that_ended)


def _memory_that_grows_once():
    looks = []
    read = process_tree.pss
    process_tree._EVERY_S = 0.05
    process_tree.pss = lambda tree: looks.append(read(tree)) or looks[-1]
    meter = TreeMeter()
    time.sleep(0.5)
    before = len(looks)
    held = b"x" * 300_000_000
    time.sleep(0.5)
    _, peak = meter.stop()
    assert len(held) and before <= 2 and len(looks) <= before + 3  # and not at each of twenty looks
    assert looks[0] + 290_000_000 < peak < looks[0] + 310_000_000


def test_the_kernel_walks_through_all_pages_only_where_there_are_more():
    alone(_memory_that_grows_once)


def _a_process_that_leaves():
    held = BURN.format(cpu=0.6) + "\nimport os, sys\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    parent = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', sys.argv[1]])\ntime.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", parent, held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline()  # it has burnt
        meter = TreeMeter()
        child.kill()
        child.wait()
        exec(BURN.format(cpu=0.4), {})
        cpu, _ = meter.stop()
    assert 0.4 <= cpu < 0.6


def test_a_process_that_leaves_the_tree_takes_nothing_off():
    """Its parent is killed, so that what it used before the start comes to no process of the tree."""
    alone(_a_process_that_leaves)


def test_a_command_counts_the_time_of_processes_that_nobody_waits_for():
    """As Spark's Python workers are: their daemon ignores SIGCHLD, and the kernel then tells nobody what they used."""
    worker = BURN.format(cpu=4.5)
    daemon = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
    )
    done = measure([sys.executable, "-c", daemon, worker])
    assert done.status == 0 and done.peak_pss_gib is None
    assert 2.4 < done.cpu_s < 5.5  # what it used after it was last seen, less than two seconds, is lost


def test_a_child_that_somebody_else_starts_meanwhile_is_none_of_the_command_s():
    apart: set[psutil.Process] = set()
    others = []

    def start():
        others.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        apart.add(psutil.Process(others[0].pid))

    threading.Timer(0.3, start).start()
    started = time.monotonic()
    measure([sys.executable, "-c", BURN.format(cpu=0.8)], apart=apart)
    assert time.monotonic() - started < 30  # it would wait for a minute
    assert others[0].poll() is None
    others[0].kill()
    others[0].wait()

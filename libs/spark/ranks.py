"""Runs a function on Horovod's ranks inside Spark tasks, with the project that spark-submit shipped.

Each rank is a child of a Spark Python worker, with the executor's Python, possibly on another machine than the driver.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from socket import AF_INET
from typing import Any
from unittest.mock import patch

from horovod.runner.common.util import network as services
from horovod.runner.http import http_server
from horovod.runner.util import network
from psutil import net_if_addrs
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from libs import store
from libs.conf import HorovodConf
from libs.errors import RankError

# The error of a fit that stopped itself, or the message of the watchdog that ended it.
_LAST_WORDS = re.compile(r"\[(\d+)\]<stderr>:(?:[\w.]+\.Training(?:Data)?Error: (.+)|(no step in .+))")
# Any other error of a rank, except Horovod's own: the other ranks raise those once a rank is gone.
_RAISED = re.compile(r"\[(\d+)\]<stderr>:((?!horovod\.)[\w.]+(?:Error|Exception)(?:: .+)?)$", re.MULTILINE)
# Horovod's message. An exit code above 128 is that of a signal.
_ENDED_FIRST = re.compile(r"exited with non-zero status.*Process name: (\d+)(?:\s+Exit code: (\d+))?", re.DOTALL)
_LATE_S = 2.0  # a rank's output may arrive this much later than its exit


class RankWords:
    """A stream for the ranks' stderr: passes it on and remembers the end of it, to tell why a rank ended."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=1000)

    def write(self, text: str) -> int:
        self._recent.append(text)
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def last(self) -> str | None:
        """`rank N: reason` of the first rank that gave one; None if none did: a killed process says nothing."""
        deadline = time.monotonic() + _LATE_S
        while not (match := _LAST_WORDS.search("".join(self._recent))) and time.monotonic() < deadline:
            time.sleep(0.1)
        return f"rank {match[1]}: {(match[2] or match[3]).strip()}" if match else None

    def raised(self) -> str | None:
        """`rank N: last line of the traceback` of the first rank that raised another error than Horovod's."""
        match = _RAISED.search("".join(self._recent))
        return f"rank {match[1]}: {match[2].strip()}" if match else None


def why_ended(words: RankWords, error: RuntimeError) -> RuntimeError | RankError | None:
    """The error to raise for a failed call; None if the ranks' output and Horovod's message say nothing about it.

    Horovod's message says which process ended first, but not why.
    """
    if reason := words.last():
        return RankError(reason)
    ended = _ENDED_FIRST.search(str(error))
    killed = ended is not None and int(ended[2] or 0) > 128
    # When one rank is killed, the others raise whatever their next exchange with it ends in.
    if not killed and (raised := words.raised()):
        return RuntimeError(raised)
    if ended:
        return RankError(f"a rank was killed, or its machine is gone (rank {ended[1]} ended first)")
    return None


def is_local(spark: SparkSession) -> bool:
    """Whether Spark runs in local mode, all of it in this process's JVM."""
    return bool(spark.sparkContext.master.startswith("local"))


def run_on_ranks(spark: SparkSession, conf: HorovodConf, call: Callable[..., Any], *args: Any) -> list[Any]:
    """Runs `call(*args)` on every rank; returns the results in rank order.

    The ranks talk to each other over `conf.network_interface`; in local mode, unless conf names one, over loopback.

    Raises:
        RankError: a rank failed and said why, or was killed.
        RuntimeError: a rank ended without saying why.
    """
    import horovod.spark

    context = spark.sparkContext
    interface = conf.network_interface or ("lo" if is_local(spark) else None)
    shipped = filter(None, context.getConf().get("spark.submit.pyFiles", "").split(","))
    root = SparkFiles.getRootDirectory() if is_local(spark) else "."
    archives = [f"{root}/{path.rpartition('/')[2]}" for path in shipped]
    if is_local(spark):
        _shrink_driver_heap(spark)
    words = RankWords()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with listening_on(interface):
            results: list[Any] = horovod.spark.run(
                with_archives(archives, call, *args),
                num_proc=conf.ranks,
                start_timeout=conf.start_timeout_s,
                use_gloo=True,
                use_mpi=False,
                nics={interface} if interface else None,
                env=variables(interface),
                executable=context.pythonExec,  # the executors' Python, which may lie elsewhere than the driver's
                stderr=words,
                verbose=0,
            )
        return results
    except RuntimeError as error:
        if (cause := why_ended(words, error)) is None:
            raise
        raise cause from error
    finally:
        for number, handler in handlers.items():  # Horovod's handlers would swallow every later Ctrl-C
            signal.signal(number, handler)


def _shrink_driver_heap(spark: SparkSession) -> None:
    """Returns memory that the JVM's heap took in earlier jobs: the ranks run on the same machine and need it.

    Java's serial collector shrinks the heap in four steps, one per collection (-XX:+ShrinkHeapInSteps).
    """
    jvm: Any = spark._jvm
    for _ in range(4):
        jvm.java.lang.System.gc()


@contextmanager
def listening_on(interface: str | None) -> Iterator[None]:
    """Makes the servers that Horovod opens in this process listen on one network interface; None: on all, its default.

    Horovod's key-value store trusts anyone who can reach it (CVE-2024-10190).
    """
    if interface is None:
        yield
        return
    [ip, *_] = [address.address for address in net_if_addrs()[interface] if address.family == AF_INET]
    find_port_anywhere = network.find_port

    def find_port(server: Callable[[tuple[str, int]], Any]) -> Any:
        return find_port_anywhere(lambda address: server((ip, address[1])))

    with patch.object(http_server, "find_port", find_port), patch.object(services, "find_port", find_port):
        yield


def with_archives(archives: Sequence[str], call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """`call(*args)` for a process that cannot import the project yet.

    Spark puts the archives of `--py-files` on its workers' path, but a child of a worker starts without them.

    Args:
        archives: the shipped archives, relative to an executor's working folder.
    """
    pickled = pickle.dumps((call, args))

    # A nested function is shipped as code, not as a name to import.
    def call_with_path() -> Any:
        import pickle
        import sys
        from pathlib import Path

        sys.path[:0] = [str(Path(archive).resolve()) for archive in archives]
        call, args = pickle.loads(pickled)  # noqa: S301 - written by the driver
        return call(*args)

    return call_with_path


def variables(nccl_interface: str | None) -> Mapping[str, str | None]:
    """Variables to set in a rank's environment on top of its executor's; None removes a variable.

    The executor's own variables say where programs and packages lie. The driver's variables include our keys, which the
    ranks inherit in local mode and do not need.
    """
    secret = [name for name in os.environ if name.startswith(("REASONREC_", "PYSPARK_GATEWAY_"))]
    # petastorm's own pyarrow calls raise warnings, a hundred lines per fit.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore::FutureWarning"}
    nccl = {"NCCL_SOCKET_IFNAME": nccl_interface} if nccl_interface else {}
    return dict.fromkeys([*secret, "_SPARK_AUTH_SECRET"]) | store.variables() | quiet | nccl

"""A call on Horovod's ranks, tasks of Spark: on the executors' Python, with the project that spark-submit shipped.

A rank is a child of Spark's Python worker, on a machine that may be another than the driver's.
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

# Of a fit that must not go on, or of the guard that ended it.
_LAST_WORDS = re.compile(r"\[(\d+)\]<stderr>:(?:[\w.]+\.Training(?:Data)?Error: (.+)|(no step in .+))")
# Any other error of a rank; the ranks beside one that is gone raise Horovod's own.
_RAISED = re.compile(r"\[(\d+)\]<stderr>:((?!horovod\.)[\w.]+(?:Error|Exception)(?:: .+)?)$", re.MULTILINE)
_ENDED_FIRST = re.compile(r"exited with non-zero status.*Process name: (\d+)", re.DOTALL)  # Horovod's message
_LATE_S = 2.0  # by which a rank's words may come after the news of its end


class RankWords:
    """A stream for what ranks write to stderr: passed on, and of the last of it is known why they ended."""

    def __init__(self) -> None:
        self._heard: deque[str] = deque(maxlen=1000)

    def write(self, text: str) -> int:
        self._heard.append(text)
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def last(self) -> str | None:
        """`rank N: why`, of the first that said why; None where none did: a process that is killed says nothing."""
        deadline = time.monotonic() + _LATE_S
        while not (found := _LAST_WORDS.search("".join(self._heard))) and time.monotonic() < deadline:
            time.sleep(0.1)
        return f"rank {found[1]}: {(found[2] or found[3]).strip()}" if found else None

    def raised(self) -> str | None:
        """`rank N: the last line of its traceback`, of the first rank with an error of its own."""
        found = _RAISED.search("".join(self._heard))
        return f"rank {found[1]}: {found[2].strip()}" if found else None


def why_ended(words: RankWords, error: RuntimeError) -> RuntimeError | RankError | None:
    """What a failed call is raised as; None where nothing is known of it.

    Horovod names the process that ended first, and not why.
    """
    if said := words.last():
        return RankError(said)
    if raised := words.raised():
        return RuntimeError(raised)
    if ended := _ENDED_FIRST.search(str(error)):
        return RankError(f"a rank was killed, or its machine is gone (rank {ended[1]} ended first)")
    return None


def is_local(spark: SparkSession) -> bool:
    """Whether this process is the whole of Spark."""
    return bool(spark.sparkContext.master.startswith("local"))


def run_on_ranks(spark: SparkSession, conf: HorovodConf, call: Callable[..., Any], *args: Any) -> list[Any]:
    """What `call(*args)` returns on each rank, in their order. The ranks meet on `conf.network_interface`.

    Raises:
        RankError: a rank said why it ended, or was killed.
        RuntimeError: a rank ended by an error that nobody foresaw.
    """
    import horovod.spark

    context = spark.sparkContext
    interface = conf.network_interface or ("lo" if is_local(spark) else None)
    shipped = filter(None, context.getConf().get("spark.submit.pyFiles", "").split(","))
    root = SparkFiles.getRootDirectory() if is_local(spark) else "."
    archives = [f"{root}/{path.rpartition('/')[2]}" for path in shipped]
    if is_local(spark):
        _shrink(spark)
    words = RankWords()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with listening_on(interface):
            results: list[Any] = horovod.spark.run(
                knowing(archives, call, *args),
                num_proc=conf.ranks,
                start_timeout=conf.start_timeout_s,
                use_gloo=True,
                use_mpi=False,
                nics={interface} if interface else None,
                env=variables(interface),
                executable=context.pythonExec,  # the executors' own, which need not lie where the driver's does
                stderr=words,
                verbose=0,
            )
        return results
    except RuntimeError as error:
        if (reason := why_ended(words, error)) is None:
            raise
        raise reason from error
    finally:
        for number, handler in handlers.items():  # Horovod's would swallow every later Ctrl-C
            signal.signal(number, handler)


def _shrink(spark: SparkSession) -> None:
    """Gives the machine back what the JVM's heap has grown by in earlier jobs: ranks beside it need the room.

    Java's serial collector shrinks the heap in four steps, each a collection (-XX:+ShrinkHeapInSteps).
    """
    jvm: Any = spark._jvm
    for _ in range(4):
        jvm.java.lang.System.gc()


@contextmanager
def listening_on(interface: str | None) -> Iterator[None]:
    """What Horovod opens in this process listens on one network interface alone; None: on all, as Horovod would.

    Its key-value store believes whoever reaches it (CVE-2024-10190).
    """
    if interface is None:
        yield
        return
    [address, *_] = [found.address for found in net_if_addrs()[interface] if found.family == AF_INET]
    anywhere = network.find_port

    def find_port(server: Callable[[tuple[str, int]], Any]) -> Any:
        return anywhere(lambda place: server((address, place[1])))

    with patch.object(http_server, "find_port", find_port), patch.object(services, "find_port", find_port):
        yield


def knowing(archives: Sequence[str], call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """`call(*args)` for a process whose Python does not find the project yet.

    Spark puts what `--py-files` ships on its workers' path; a child of a worker starts without.

    Args:
        archives: what was shipped, relative to the folder in which an executor works.
    """
    sent = pickle.dumps((call, args))

    # Defined here, it travels as code and not as the name of something to be imported.
    def called() -> Any:
        import pickle
        import sys
        from pathlib import Path

        sys.path[:0] = [str(Path(archive).resolve()) for archive in archives]
        call, args = pickle.loads(sent)  # noqa: S301 - the driver's own
        return call(*args)

    return called


def variables(nccl_interface: str | None) -> Mapping[str, str | None]:
    """What a rank's environment has beside its executor's, and None for what it must not have.

    Where programs and packages lie is the executor's to say. Our keys are among the driver's variables, and where Spark
    is one process its children have them: no rank needs them.
    """
    secret = [name for name in os.environ if name.startswith(("REASONREC_", "PYSPARK_GATEWAY_"))]
    # petastorm warns of its own pyarrow calls, a hundred lines a fit.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore::FutureWarning"}
    nccl = {"NCCL_SOCKET_IFNAME": nccl_interface} if nccl_interface else {}
    return dict.fromkeys([*secret, "_SPARK_AUTH_SECRET"]) | store.variables() | quiet | nccl

"""What a Horovod rank is sent to do: fit, then put the weights where the model of record says they are.

A rank is a child of Spark's Python worker, on a machine that may be another than the driver's.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socket import AF_INET
from typing import Any
from unittest.mock import patch

from horovod.runner.common.util import network as services
from horovod.runner.http import http_server
from horovod.runner.util import network
from psutil import net_if_addrs

from libs import store
from libs.training.spec import TrainSpec
from libs.training.watchdog import watchdog

# Of a fit that must not go on, or of the guard that ended it.
_LAST_WORDS = re.compile(r"\[(\d+)\]<stderr>:(?:[\w.]+\.Training(?:Data)?Error: (.+)|(no step in .+))")
_LATE_S = 2.0  # by which a rank's words may come after the news of its end


class RankError(Exception):
    """A fit that ended on a rank, with what the rank said of it."""


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


def fit_and_store(specs: Sequence[TrainSpec], uris: Sequence[str], stall_timeout_s: float) -> list[dict[str, Any]]:
    """Runs the fits on this rank; rank 0 copies each model to its URI.

    What the rank keeps on local disk, staged rows and models, is gone when it ends, however it ends.

    Args:
        stall_timeout_s: end this process when a step, or what lies between two, takes longer. Where one rank hangs all
            stand still, so all end: Horovod's launcher on Spark ends none of them.

    Returns:
        `loop.train_many`'s rows; on rank 0 with `checksum`, that of the stored folder.
    """
    from libs.training.loop import train_many
    from libs.training.weights import save_folder

    with (
        tempfile.TemporaryDirectory(prefix="reasonrec-fit-", ignore_cleanup_errors=True) as folder,
        watchdog(stall_timeout_s, folder) as moved,
    ):
        own = [replace(spec, output=f"{folder}/{number}") for number, spec in enumerate(specs)]
        results = train_many(own, moved)
        for result, uri in zip(results, uris, strict=True):
            moved()
            if result["rank"] == 0:
                result["checksum"] = save_folder(Path(result["model"]), uri)
    return results


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

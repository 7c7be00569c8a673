"""What is sent to a rank finds the project there, and nothing of the driver's that it must not have."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import cloudpickle
import pytest

from libs.errors import RankError
from libs.spark import ranks
from libs.spark.ranks import RankWords, listening_on, variables, why_ended, with_archives

RUN = "import pickle, sys; print(pickle.load(sys.stdin.buffer)())"


@pytest.mark.parametrize("archives", [["./shipped.zip"], []])
def test_a_call_brings_the_way_to_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archives: list[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "shipped.zip", "w") as archive:
        archive.writestr("only_shipped.py", "def twice(x): return 2 * x")
    monkeypatch.syspath_prepend(tmp_path / "shipped.zip")
    call = cloudpickle.dumps(with_archives(archives, importlib.import_module("only_shipped").twice, 21))
    # Another machine: an executor's folder, and none of the driver's variables.
    rank = subprocess.run([sys.executable, "-c", RUN], input=call, cwd=tmp_path, env={}, capture_output=True)
    assert rank.stdout == (b"42\n" if archives else b"")
    assert (b"No module named 'only_shipped'" in rank.stderr) != bool(archives)


def test_a_rank_has_the_store_s_credentials_and_no_key_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "REASONREC_KEY", "PYSPARK_GATEWAY_SECRET", "PYTHONPATH", "HOME"):
        monkeypatch.setenv(name, "x")
    found = variables("eth1")
    assert found["AWS_SECRET_ACCESS_KEY"] == "x"
    assert found["NCCL_SOCKET_IFNAME"] == "eth1"
    # None takes a variable away where a rank would inherit it; the others' values are the executor's.
    taken = {name for name, value in found.items() if value is None}
    assert {"REASONREC_KEY", "PYSPARK_GATEWAY_SECRET", "_SPARK_AUTH_SECRET"} <= taken
    assert not {"PYTHONPATH", "PATH", "HOME", "TMPDIR"} & set(found)


def test_horovod_listens_where_it_is_told() -> None:
    from horovod.runner.http.http_server import RendezvousServer

    with listening_on("lo"):
        server = RendezvousServer(0)
        server.start()
    try:
        assert server._httpd.server_address[0] == "127.0.0.1"
    finally:
        server._httpd.server_close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "[1]<stderr>:Traceback (most recent call last):\n"
            "[1]<stderr>:libs.training.loop.TrainingError: the loss is nan\n"
            "[0]<stderr>:horovod.common.exceptions.HorovodInternalError: reset by peer\n",
            "rank 1: the loss is nan",
        ),
        (
            "[0]<stderr>:libs.training.spec.TrainingDataError: /tmp: 5 bytes are free\n",
            "rank 0: /tmp: 5 bytes are free",
        ),
        ("[0]<stderr>:no step in 60 s: process 7 is ended\n", "rank 0: no step in 60 s: process 7 is ended"),
        ("[0]<stderr>:a warning\n", None),
    ],
)
def test_the_first_rank_that_says_why_is_heard(monkeypatch: pytest.MonkeyPatch, said: str, why: str | None) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    words = RankWords()
    for piece in (said[:30], said[30:]):  # it comes in blocks, not in lines
        words.write(piece)
    assert words.last() == why
    assert shown.getvalue() == said


HOROVOD = RuntimeError(
    "Horovod detected that one or more processes exited with non-zero status, thus causing the job to be terminated. The"
    " first process to do so was:\nProcess name: 1\nExit code: 1\n"
)
KILLED = RuntimeError(str(HOROVOD).replace("Exit code: 1", "Exit code: 137"))
GRAPH = "[0]<stderr>:tensorflow.python.framework.errors_impl.UnknownError: Graph execution error:\n"
PEER = "[0]<stderr>:horovod.common.exceptions.HorovodInternalError: reset by peer\n"


@pytest.mark.parametrize(
    ("said", "error", "raised"),
    [
        ("", HOROVOD, RankError("a rank was killed, or its machine is gone (rank 1 ended first)")),
        (GRAPH, KILLED, RankError("a rank was killed, or its machine is gone (rank 1 ended first)")),
        (PEER, HOROVOD, RankError("a rank was killed, or its machine is gone (rank 1 ended first)")),
        (PEER + "[1]<stderr>:KeyError: 'loss'\n", HOROVOD, RuntimeError("rank 1: KeyError: 'loss'")),
        ("[1]<stderr>:no step in 60 s: process 7 is ended\n", HOROVOD, RankError("rank 1: no step in 60 s: process 7 is ended")),
        ("", RuntimeError("Timed out waiting for ranks"), None),
    ],
)  # fmt: skip
def test_a_failed_call_says_in_one_line_why_it_ended(
    monkeypatch: pytest.MonkeyPatch, said: str, error: RuntimeError, raised: Exception | None
) -> None:
    monkeypatch.setattr(ranks, "_LATE_S", 0.0)
    words = RankWords()
    words.write(said)
    found = why_ended(words, error)
    assert repr(found) == repr(raised)

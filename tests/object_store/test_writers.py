"""Two drivers that commit to one table on S3 at the same instant, again and again: no commit is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from libs.ask import ask
from libs.store import filesystem
from tests.object_store.writer import COMMITS, RACES
from tests.s3_server import ROOT, missing


@pytest.fixture(scope="module")
def warehouse(s3: str) -> str:
    if why := missing(spark=True):
        pytest.skip(why)
    return f"{s3}/contended"


@pytest.fixture(scope="module")
def won(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[int]]]:
    """Log store -> writer -> the versions that the store told it were its own."""
    folder = tmp_path_factory.mktemp("writers")
    environ = os.environ | {"PYTHONPATH": str(ROOT), "REASONREC_CONF": str(ROOT / "conf")}
    logs = {name: (folder / f"{name}.log").open("w") for name in "ab"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.object_store.writer", name, warehouse, str(folder)],
            env=environ, stdout=log, stderr=log,
        )
        for name, log in logs.items()
    ]  # fmt: skip
    try:
        ends = [process.wait(240) for process in running]
    finally:
        for process in running:
            process.kill()
    assert ends == [0, 0], "\n".join((folder / f"{name}.log").read_text()[-3000:] for name in logs)
    told = {name: json.loads((folder / f"{name}.json").read_text()) for name in logs}
    return {kind: {name: set(told[name][kind]) for name in told} for kind in ("ours", "delta")}


def test_one_writer_alone_has_a_version_and_its_commit_is_what_stands_there(
    won: dict[str, dict[str, set[int]]], warehouse: str
) -> None:
    assert won["ours"]["a"].isdisjoint(won["ours"]["b"])
    assert won["ours"]["a"] | won["ours"]["b"] == set(range(RACES))
    store, path = filesystem(f"{warehouse}/ours/_delta_log")
    for name, versions in won["ours"].items():
        for version in versions:
            with store.open_input_file(f"{path}/{version:020d}.json") as stream:
                assert stream.read() == f"{name}\n".encode()


def test_deltas_own_store_for_s3_loses_commits_of_a_second_driver(won: dict[str, dict[str, set[int]]]) -> None:
    assert won["delta"]["a"] & won["delta"]["b"]


def test_no_row_is_lost_when_two_drivers_write_one_table(won: dict[str, dict[str, set[int]]], warehouse: str) -> None:
    rows = ask(
        warehouse, "SELECT source, count(*) FROM quality.ingest_counts GROUP BY source ORDER BY source"
    ).fetchall()
    assert rows == [("a", COMMITS), ("b", COMMITS)]

"""Two drivers that commit to one table on S3 at the same instant, again and again: no commit is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from libs.query.ask import ask
from libs.store import filesystem
from tests.object_store.writer import COMMITS, RACES
from tests.s3_server import ROOT, missing


@pytest.fixture(scope="module")
def warehouse(s3: str) -> str:
    if why := missing(spark=True):
        pytest.skip(why)
    return f"{s3}/contended"


@pytest.fixture(scope="module")
def told(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each of two writers, a and b, says when it is done."""
    folder = tmp_path_factory.mktemp("writers")
    environ = os.environ | {"PYTHONPATH": str(ROOT), "REASONREC_CONF": str(ROOT / "conf")}
    logs = {name: (folder / f"{name}.log").open("w") for name in "ab"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.object_store.writer", name, warehouse, str(folder)],
            env=environ,
            stdout=log,
            stderr=log,
        )
        for name, log in logs.items()
    ]
    try:
        ends = [process.wait(240) for process in running]
    finally:
        for process in running:
            process.kill()
    assert ends == [0, 0], "\n".join((folder / f"{name}.log").read_text()[-3000:] for name in logs)
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in logs}


def test_one_writer_alone_has_a_version_and_its_commit_is_what_stands_there(
    told: dict[str, Any], warehouse: str
) -> None:
    won = {name: told[name]["won"]["ours"] for name in "ab"}
    assert sorted(won["a"] + won["b"]) == list(range(RACES))
    store, path = filesystem(f"{warehouse}/ours/_delta_log")
    for name, versions in won.items():
        for version in versions:
            with store.open_input_file(f"{path}/{version:020d}.json") as stream:
                assert stream.read() == f"{name}\n".encode()


def test_deltas_own_store_for_s3_tells_both_drivers_that_a_version_is_theirs(told: dict[str, Any]) -> None:
    assert set(told["a"]["won"]["delta"]) & set(told["b"]["won"]["delta"])


def test_a_store_that_does_not_know_if_none_match_is_refused(told: dict[str, Any]) -> None:
    for one in told.values():
        assert "s3a://forgetful/warehouse: this store does not support `If-None-Match: *`" in one["forgetful"]


def test_no_row_is_lost_when_two_drivers_write_one_table(told: dict[str, Any], warehouse: str) -> None:
    rows = ask(
        warehouse, "SELECT source, count(*) FROM quality.ingest_counts GROUP BY source ORDER BY source"
    ).fetchall()
    assert rows == [("a", COMMITS), ("b", COMMITS)]

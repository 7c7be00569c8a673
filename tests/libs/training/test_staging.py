"""Staged files read as whole copies would: the same rows in the same order, on a fraction of the disk."""

from __future__ import annotations

import shutil
from collections import namedtuple
from errno import ENOSPC
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libs.training import staging
from libs.training.reader import ShardBatches, inspect_files, local_path
from libs.training.spec import TrainingDataError
from libs.training.staging import stage
from libs.training.two_tower_task import TwoTowerTask
from tests.libs.models import tiny

RANKS = 2
TASK = TwoTowerTask(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)


@pytest.fixture(autouse=True)
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test's folder count as those of a store."""
    monkeypatch.setattr(staging, "is_store", lambda uri: True)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Snapshot of five row groups in two files, and a file without rows between them."""
    rows = tiny.rows(1000) | {"target": np.arange(1, 1001, dtype=np.int32)}
    found = tiny.write(tmp_path / "snapshot" / "cutoff=2020-01-06", rows, [600, 0, 400])
    for uri, size in ((found[0], 250), (found[2], 300)):  # 250, 250, 100; 300, 100
        path = local_path(uri)
        pq.write_table(pq.read_table(path), path, row_group_size=size)
    return found


def batches(files: tuple[str, ...], rank: int) -> list[dict[str, np.ndarray]]:
    shard = ShardBatches(inspect_files(files, TASK.columns), TASK, rank, RANKS, batch_size=16, seed=3, buffer_rows=120)
    return [batch for epoch in range(2) for batch in shard.epoch(epoch)]


@pytest.mark.parametrize("rank", range(RANKS))
def test_batches_are_bit_equal_to_those_of_the_whole_snapshot(
    files: tuple[str, ...], tmp_path: Path, rank: int
) -> None:
    staged = stage(files, rank, RANKS, tmp_path / "staged")
    expected = batches(files, rank)
    shutil.rmtree(tmp_path / "snapshot")
    found = batches(staged, rank)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for name, column in theirs.items():
            assert ours[name].dtype == column.dtype
            np.testing.assert_array_equal(ours[name], column)


def test_of_fewer_row_groups_than_ranks_each_rank_holds_one(tmp_path: Path) -> None:
    rows = tiny.rows(20) | {"target": np.arange(1, 21, dtype=np.int32)}
    files = tiny.write(tmp_path / "snapshot" / "cutoff=2020-01-06", rows, [20])
    for rank in range(RANKS):
        staged = stage(files, rank, RANKS, tmp_path / f"staged-{rank}")
        for ours, theirs in zip(batches(staged, rank), batches(files, rank), strict=True):
            np.testing.assert_array_equal(ours["target"], theirs["target"])


def test_a_rank_holds_its_own_row_groups_alone(files: tuple[str, ...], tmp_path: Path) -> None:
    staged = stage(files, 1, RANKS, tmp_path / "staged")
    assert inspect_files(staged, TASK.columns).rows == 1000  # as the footers say
    own = [pq.ParquetFile(local_path(path)) for path in staged]
    # Of the groups 250, 250, 100 | 300, 100 the second and the fourth are of rank 1.
    assert own[0].read_row_group(1)["target"].to_pylist() == list(range(251, 501))
    assert own[2].read_row_group(0)["target"].to_pylist() == list(range(601, 901))
    for file, group in ((0, 0), (0, 2), (2, 1)):
        with pytest.raises((OSError, ValueError)):
            own[file].read_row_group(group)
    sizes = [Path(local_path(path)).stat().st_size for path in (*files, *staged)]
    assert sizes[:3] == sizes[3:]


def test_local_files_stay_where_they_are(
    files: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert stage(files, 0, RANKS, tmp_path / "staged") == files
    assert not (tmp_path / "staged").exists()


def test_a_file_that_is_cut_off_is_named(files: tuple[str, ...], tmp_path: Path) -> None:
    path = Path(local_path(files[2]))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainingDataError, match=r"part-2\.parquet: not readable as Parquet"):
        stage(files, 0, RANKS, tmp_path / "staged")


def test_a_file_that_ends_before_its_footer_says_is_named(tmp_path: Path) -> None:
    source = pa.BufferReader(b"x" * 100)
    (tmp_path / "staged").mkdir()
    with pytest.raises(TrainingDataError, match="ends at 100, its footer says 120"):
        staging._copy(source, tmp_path / "staged" / "a", 100, [(50, 120)], lambda: None)


def test_a_disk_that_is_too_small_is_told_before_it_is_full(
    files: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(1000))
    with pytest.raises(TrainingDataError, match="1000 bytes are free"):
        stage(files, 0, RANKS, tmp_path / "staged")


def test_each_block_is_told(files: tuple[str, ...], tmp_path: Path) -> None:
    moved: list[None] = []
    stage(files, 0, RANKS, tmp_path / "staged", lambda: moved.append(None))
    # Magic and footer of three files, and the groups 0, 2 and 4 of rank 0.
    assert len(moved) == 3 + 3 + 3


def test_a_disk_that_another_rank_has_filled_is_named_and_not_the_store_s_file(
    files: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(staging, "_copy", full)
    with pytest.raises(TrainingDataError, match="staged: No space left on device; make room, or set TMPDIR"):
        stage(files, 0, RANKS, tmp_path / "staged")

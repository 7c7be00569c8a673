import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libs.training.reader import ShardBatches, inspect_files, local_path, steps_per_epoch
from libs.training.spec import TrainingDataError
from libs.training.two_tower_task import TwoTowerTask
from tests.libs.models import tiny

TASK = TwoTowerTask(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)


def _numbered(n: int) -> dict[str, np.ndarray]:
    """Rows that can be told apart: the target is the row's number, from 1."""
    return tiny.rows(n) | {"target": np.arange(1, n + 1, dtype=np.int32)}


def _targets(batches: ShardBatches, epoch: int) -> np.ndarray:
    return np.stack([batch["target"] for batch in batches.epoch(epoch)])


def _shards(files: tuple[str, ...], ranks: int, **options: int) -> list[ShardBatches]:
    facts = inspect_files(files, TASK.columns)
    settings = {"batch_size": 8, "seed": 1} | options
    return [ShardBatches(facts, TASK, rank, ranks, **settings) for rank in range(ranks)]


def test_ranks_read_every_row_once_a_pass(tmp_path: Path) -> None:
    shards = _shards(tiny.write(tmp_path, _numbered(64), [32, 32]), 2)
    seen = np.concatenate([_targets(shard, 0).ravel() for shard in shards])
    assert sorted(seen) == list(range(1, 65))
    assert [shard.rows_in_pass for shard in shards] == [32, 32]


def test_columns_of_a_row_stay_together(tmp_path: Path) -> None:
    rows = _numbered(40)
    (shard,) = _shards(tiny.write(tmp_path, rows, [25, 15]), 1, buffer_rows=10)
    for batch in shard.epoch(0):
        place = batch["target"] - 1
        for name, column in rows.items():
            np.testing.assert_array_equal(batch[name], column[place])


@pytest.mark.parametrize("buffer_rows", [1000, 10])
def test_unequal_shards_take_the_same_number_of_steps(tmp_path: Path, buffer_rows: int) -> None:
    # 101 rows, 2 ranks, batches of 8: ceil(101 / 16) = 7 steps of 8 rows on either rank, whatever its shard holds.
    shards = _shards(tiny.write(tmp_path, _numbered(101), [90, 11]), 2, buffer_rows=buffer_rows)
    assert [_targets(shard, 0).shape for shard in shards] == [(7, 8), (7, 8)]
    assert [shard.rows_in_pass for shard in shards] == [90, 11]
    large, small = (_targets(shard, 1).ravel() for shard in shards)
    assert len(set(large)) == 56  # a longer shard repeats no row
    assert set(small) == set(range(91, 102))  # a shorter one repeats rows: 56 = 11 * 5 + 1
    assert sorted(np.bincount(small)[91:]) == [5] * 10 + [6]


@pytest.mark.parametrize("buffer_rows", [1000, 10])
def test_order_depends_on_seed_and_epoch_alone(tmp_path: Path, buffer_rows: int) -> None:
    files = tiny.write(tmp_path, _numbered(60), [20, 20, 20])
    (first,), (again,) = _shards(files, 1, buffer_rows=buffer_rows), _shards(files, 1, buffer_rows=buffer_rows)
    epochs = [_targets(first, epoch) for epoch in range(3)]
    np.testing.assert_array_equal(_targets(again, 2), epochs[2])  # without the epochs before it, as after a resume
    assert (epochs[0] != epochs[1]).any()
    (other,) = _shards(files, 1, buffer_rows=buffer_rows, seed=2)
    assert (_targets(other, 0) != epochs[0]).any()


def test_a_shard_that_fits_the_buffer_is_read_once(tmp_path: Path) -> None:
    files = tiny.write(tmp_path, _numbered(32), [16, 16])
    (shard,) = _shards(files, 1)
    _targets(shard, 0)
    for uri in files:
        Path(local_path(uri)).unlink()
    assert sorted(_targets(shard, 1).ravel()) == list(range(1, 33))


def test_a_large_shard_is_read_again_and_must_not_have_changed(tmp_path: Path) -> None:
    files = tiny.write(tmp_path, _numbered(40), [20, 20])
    (shard,) = _shards(files, 1, buffer_rows=10)
    _targets(shard, 0)
    pq.write_table(pq.read_table(local_path(files[1])).slice(0, 5), local_path(files[1]))
    with pytest.raises(TrainingDataError, match="read 25 rows, in an earlier pass 40"):
        _targets(shard, 1)


def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    (shard,) = _shards(tiny.write(tmp_path, _numbered(40), [20, 20]), 1, buffer_rows=10)
    before = threading.active_count()
    next(shard.epoch(0))
    assert threading.active_count() <= before + 1


def test_paths_with_blanks_and_equals_signs_are_read(tmp_path: Path) -> None:
    files = tiny.write(tmp_path / "shop=a b" / "cutoff=2011-01-01", _numbered(16), [16])
    assert "%20" in files[0]
    (shard,) = _shards(files, 1)
    assert sorted(_targets(shard, 0).ravel()) == list(range(1, 17))


def test_files_without_rows_are_left_out(tmp_path: Path) -> None:
    files = tiny.write(tmp_path, _numbered(16), [8, 0, 8])
    facts = inspect_files(files, TASK.columns)
    assert (facts.rows, facts.row_groups, len(facts.paths)) == (16, 2, 2)


def test_of_fewer_row_groups_than_ranks_several_ranks_read_one(tmp_path: Path) -> None:
    # Two groups for three ranks: the third reads the first one's, and its rows count once.
    shards = _shards(tiny.write(tmp_path, _numbered(16), [10, 6]), 3)
    seen = [_targets(shard, 0).ravel() for shard in shards]  # one step of 8 rows each
    first, second = set(range(1, 11)), set(range(11, 17))
    assert [set(rows) <= group for rows, group in zip(seen, (first, second, first), strict=True)] == [True] * 3
    assert seen[0].tolist() != seen[2].tolist()
    assert [shard.rows_in_pass for shard in shards] == [10, 6, 10]
    assert [shard.own_rows for shard in shards] == [10, 6, 0]


@pytest.mark.parametrize("beside", [False, True])
def test_pickled_petastorm_metadata_is_refused(tmp_path: Path, beside: bool) -> None:
    files = tiny.write(tmp_path, _numbered(16), [16])
    table = pq.read_table(local_path(files[0])).replace_schema_metadata({"dataset-toolkit.unischema.v1": "evil"})
    if beside:
        pq.write_metadata(table.schema, tmp_path / "_common_metadata")
    else:
        pq.write_table(table, local_path(files[0]))
    with pytest.raises(TrainingDataError, match="pickled"):
        inspect_files(files, TASK.columns)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no training rows in 1 files"):
        inspect_files(tiny.write(tmp_path, _numbered(4), [0]), TASK.columns)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    rows = _numbered(4)
    del rows["weight"]
    with pytest.raises(TrainingDataError, match="lacks the columns weight"):
        inspect_files(tiny.write(tmp_path, rows, [4]), TASK.columns)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "part-0.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(TrainingDataError, match=r"part-0\.parquet: not readable"):
        inspect_files((path.as_uri(),), TASK.columns)


def test_arrays_of_changing_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "part-0.parquet"
    rows = {name: list(column) for name, column in _numbered(4).items()}
    rows["history"] = [row[: 1 + i % 2] for i, row in enumerate(rows["history"])]
    pq.write_table(pa.table(rows), path)
    (shard,) = _shards((path.as_uri(),), 1)
    with pytest.raises(TrainingDataError, match="history"):
        _targets(shard, 0)


def test_a_row_without_target_is_refused(tmp_path: Path) -> None:
    rows = _numbered(16)
    rows["target"][3] = 0
    (shard,) = _shards(tiny.write(tmp_path, rows, [16]), 1)
    with pytest.raises(TrainingDataError, match="target"):
        _targets(shard, 0)


def test_an_object_store_is_refused() -> None:
    with pytest.raises(TrainingDataError, match="copy the snapshot's files to local disk"):
        local_path("s3a://bucket/part-0.parquet")


@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (16, 1), (17, 2), (101, 7)])
def test_steps_cover_all_rows(rows: int, steps: int) -> None:
    assert steps_per_epoch(rows, ranks=2, batch_size=8) == steps

"""Training batches from the Parquet files of one table snapshot, read with petastorm and sharded by rank.

The order of batches depends on (files, rank, ranks, seed, epoch) only, so a resumed run replays it.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from petastorm import make_batch_reader

from libs.training.spec import Batch, Task, TrainingDataError

logger = logging.getLogger(__name__)

# petastorm unpickles the metadata under this key, so a file that has it could run any code.
_PICKLED_KEY = b"dataset-toolkit.unischema.v1"


@dataclass(frozen=True)
class DatasetFacts:
    """The files with rows, and their totals, from the Parquet footers."""

    paths: tuple[str, ...]
    rows: int
    row_groups: int


def local_path(uri: str) -> str:
    """The local path of a `file:` URI (percent-decoded once) or of a plain path.

    Raises:
        TrainingDataError: another scheme; petastorm cannot read an object store here.
    """
    parts = urlparse(uri)
    if parts.scheme == "":
        return uri
    if parts.scheme != "file":
        raise TrainingDataError(f"{uri}: not a local file; copy the snapshot's files to local disk first")
    return unquote(parts.path)


def inspect_files(files: tuple[str, ...], columns: Sequence[str]) -> DatasetFacts:
    """Rows and row groups of the files, from their footers; files without rows are left out.

    Raises:
        TrainingDataError: no file has rows, a file is unreadable or lacks a column, or a file has pickled metadata.
    """
    paths, rows, groups = [], 0, 0
    for path in map(local_path, files):
        try:
            footer = pq.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise TrainingDataError(f"{path}: not readable as Parquet ({error})") from error
        with footer:
            if _PICKLED_KEY in (footer.metadata.metadata or {}) or _has_pickled_metadata(path):
                raise TrainingDataError(
                    f"{path}: carries pickled petastorm metadata ({_PICKLED_KEY.decode()}); refused"
                )
            missing = [name for name in columns if name not in footer.schema_arrow.names]
            if missing:
                raise TrainingDataError(f"{path}: lacks the columns {', '.join(missing)}")
            if footer.metadata.num_rows:
                paths.append(path)
                rows += footer.metadata.num_rows
                groups += footer.metadata.num_row_groups
    if not rows:
        raise TrainingDataError(f"no training rows in {len(files)} files; was the training table written?")
    return DatasetFacts(tuple(paths), rows, groups)


def _has_pickled_metadata(path: str) -> bool:
    """Whether `_common_metadata` beside the file, which petastorm reads too, has the pickled key."""
    common = Path(path).parent / "_common_metadata"
    return common.is_file() and _PICKLED_KEY in (pq.read_schema(common).metadata or {})


def steps_per_epoch(rows: int, ranks: int, batch_size: int) -> int:
    """Steps per epoch, equal on all ranks: otherwise an all-reduce would wait forever."""
    return -(-rows // (ranks * batch_size))


def shards(row_groups: int, ranks: int) -> int:
    """The number of shards: row group i belongs to shard i % shards, and rank r reads shard r % shards."""
    return min(row_groups, ranks)


class ShardBatches:
    """The batches of one rank: exactly `steps` batches of `batch_size` rows per epoch, as columns.

    A pass reads each row of the shard once, in buffers of `buffer_rows`, each permuted by (seed, epoch, rank, buffer).
    A shard that fits into the buffer is read once and kept in memory. Shards differ in size but all ranks take the same
    number of steps: a shorter shard repeats rows of its last buffer, a longer one drops the rest of this epoch's
    permutation. Rows are shuffled only within a buffer, so a table larger than it should be written in hash order. With
    fewer row groups than ranks, as in a young shop, several ranks read the same shard, each in a different order.
    """

    def __init__(
        self,
        facts: DatasetFacts,
        task: Task,
        rank: int,
        ranks: int,
        batch_size: int,
        seed: int,
        buffer_rows: int = 500_000,
    ) -> None:
        self._facts, self._task, self._rank, self._batch_size = facts, task, rank, batch_size
        self._shards = shards(facts.row_groups, ranks)
        self._seed, self._buffer_rows = seed, max(buffer_rows, batch_size)
        self._kept: Batch | None = None
        self.steps = steps_per_epoch(facts.rows, ranks, batch_size)
        self.rows_in_pass: int | None = None  # rows of one pass over this shard; None before the first pass ends

    @property
    def own_rows(self) -> int:
        """Rows of a pass, 0 if a lower rank reads the same shard: summed over all ranks, each row counts once."""
        return (self.rows_in_pass or 0) if self._rank < self._shards else 0

    def epoch(self, number: int) -> Iterator[Batch]:
        """The `steps` batches of an epoch, each with all of the task's columns.

        Raises:
            TrainingDataError: the task cannot be fitted on the rows, or two passes over this shard read different
                numbers of rows.
        """
        done, leftover = 0, None  # steps done; rows of earlier windows that do not fill a batch yet
        for index, window in enumerate(self._windows()):
            order = np.random.default_rng([self._seed, number, self._rank, index]).permutation(_rows(window))
            last = _take(window, order)
            leftover = last if leftover is None else _join(leftover, last)
            start = 0
            while _rows(leftover) - start >= self._batch_size and done < self.steps:
                yield _take(leftover, slice(start, start + self._batch_size))
                start, done = start + self._batch_size, done + 1
            leftover = _take(leftover, slice(start, None))
        if leftover is not None and done < self.steps:
            missing = (self.steps - done) * self._batch_size - _rows(leftover)
            leftover = _join(leftover, _take(last, np.arange(missing) % _rows(last)))
            for start in range(0, _rows(leftover), self._batch_size):
                yield _take(leftover, slice(start, start + self._batch_size))

    def _windows(self) -> Iterator[Batch]:
        """The shard's rows, one buffer at a time; from memory if the shard is a single buffer and was read before."""
        if self._kept is not None:
            yield self._kept
            return
        first = None
        windows = 0
        for window in _prefetched(self._read_pass()):
            windows += 1
            first = window if windows == 1 else None
            yield window
        if windows == 1:
            self._kept = first

    def _read_pass(self) -> Iterator[Batch]:
        """One pass over the shard. With the dummy pool: petastorm's thread pool may lose rows without an error."""
        groups: list[Batch] = []
        size = rows = 0
        reader = make_batch_reader(
            [f"file://{path}" for path in self._facts.paths],
            schema_fields=[f"^{name}$" for name in self._task.columns],
            reader_pool_type="dummy",
            num_epochs=1,
            shuffle_row_groups=False,
            cur_shard=self._rank % self._shards,
            shard_count=self._shards,
        )
        try:
            for group in reader:
                batch = {name: getattr(group, name) for name in self._task.columns}
                if len({len(column) for column in batch.values()}) > 1:
                    raise TrainingDataError(f"columns of unequal rows: { {name: len(batch[name]) for name in batch} }")
                self._task.check(batch)
                groups.append(batch)
                size, rows = size + _rows(batch), rows + _rows(batch)
                if size >= self._buffer_rows:
                    yield _join(*groups)
                    groups, size = [], 0
        except RuntimeError as error:
            raise TrainingDataError(f"rank {self._rank}: petastorm cannot read the rows: {error!s:.200}") from error
        finally:  # the reader's context manager would print to standard output
            reader.stop()
            reader.join()
        if groups:
            yield _join(*groups)
        if self.rows_in_pass not in (None, rows):
            raise TrainingDataError(f"rank {self._rank}: read {rows} rows, in an earlier pass {self.rows_in_pass}")
        self.rows_in_pass = rows


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _take(batch: Batch, rows: NDArray[np.int64] | slice) -> Batch:
    return {name: column[rows] for name, column in batch.items()}


def _join(*batches: Batch) -> Batch:
    return batches[0] if len(batches) == 1 else {n: np.concatenate([b[n] for b in batches]) for n in batches[0]}


def _prefetched(windows: Iterator[Batch]) -> Iterator[Batch]:
    """The same windows; a thread reads the next one while the current one is used."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, windows, None)
        while (window := future.result()) is not None:
            future = pool.submit(next, windows, None)
            yield window

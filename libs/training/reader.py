"""Training batches from the Parquet files of one table snapshot, read by petastorm, sharded by rank.

The order of batches depends on (files, rank, ranks, seed, epoch) alone, so that a resumed run replays it.
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

# petastorm unpickles what a dataset carries under this key, so a file with it could run any code.
_PICKLED_KEY = b"dataset-toolkit.unischema.v1"


@dataclass(frozen=True)
class DatasetFacts:
    """What the footers of the files say."""

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
    """Rows and row groups of the files by their footers; files without rows are left out.

    Raises:
        TrainingDataError: no rows at all, an unreadable file, a missing column, or a dataset with pickled metadata.
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
    """Whether the `_common_metadata` beside the file, which petastorm reads, carries the pickled key."""
    common = Path(path).parent / "_common_metadata"
    return common.is_file() and _PICKLED_KEY in (pq.read_schema(common).metadata or {})


def steps_per_epoch(rows: int, ranks: int, batch_size: int) -> int:
    """The steps every rank takes an epoch: equal on all, or an all-reduce would wait for ever."""
    return -(-rows // (ranks * batch_size))


def shards(row_groups: int, ranks: int) -> int:
    """Into how many shards the row groups are dealt: group i is of shard i % shards, which rank r % shards reads."""
    return min(row_groups, ranks)


class ShardBatches:
    """The batches of one rank: exactly `steps` of `batch_size` rows an epoch, columnar.

    A pass reads each row of the shard once, in a buffer of `buffer_rows` that is permuted by (seed, epoch, buffer,
    rank). A shard that fits the buffer is read once and kept. Shards differ in size while steps do not: a shorter
    shard repeats rows of its last buffer, a longer one leaves the rest of this epoch's permutation out. Neighbouring
    rows should not belong together in a table larger than the buffer: write it in the order of a hash.
    Of fewer row groups than ranks, as a young shop has, several ranks read one, each in an order of its own.
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
        self.rows_in_pass: int | None = None  # rows of the first pass over this shard, once it has ended

    @property
    def own_rows(self) -> int:
        """Rows of a pass that no rank before this one reads: over all ranks, each row counts once."""
        return (self.rows_in_pass or 0) if self._rank < self._shards else 0

    def epoch(self, number: int) -> Iterator[Batch]:
        """The `steps` batches of an epoch, each with all of the task's columns.

        Raises:
            TrainingDataError: rows that the task cannot be fitted on.
            TrainingDataError: two passes over this shard read different numbers of rows.
        """
        given, rest = 0, None
        for index, window in enumerate(self._windows()):
            order = np.random.default_rng([self._seed, number, self._rank, index]).permutation(_rows(window))
            last = _take(window, order)
            rest = last if rest is None else _join(rest, last)
            start = 0
            while _rows(rest) - start >= self._batch_size and given < self.steps:
                yield _take(rest, slice(start, start + self._batch_size))
                start, given = start + self._batch_size, given + 1
            rest = _take(rest, slice(start, None))
        if rest is not None and given < self.steps:
            missing = (self.steps - given) * self._batch_size - _rows(rest)
            rest = _join(rest, _take(last, np.arange(missing) % _rows(last)))
            for start in range(0, _rows(rest), self._batch_size):
                yield _take(rest, slice(start, start + self._batch_size))

    def _windows(self) -> Iterator[Batch]:
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
        """One pass over the shard. The dummy pool: petastorm's thread pool may lose rows without an error."""
        held: list[Batch] = []
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
                held.append(batch)
                size, rows = size + _rows(batch), rows + _rows(batch)
                if size >= self._buffer_rows:
                    yield _join(*held)
                    held, size = [], 0
        except RuntimeError as error:
            raise TrainingDataError(f"rank {self._rank}: petastorm cannot read the rows: {error!s:.200}") from error
        finally:  # its context manager would print to standard output
            reader.stop()
            reader.join()
        if held:
            yield _join(*held)
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
    """The same windows, the next one read by a thread while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, windows, None)
        while (window := future.result()) is not None:
            future = pool.submit(next, windows, None)
            yield window

"""A rank's own row groups of a snapshot on local disk: petastorm cannot read an object store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from libs.store import filesystem, is_store
from libs.training.reader import shards
from libs.training.spec import TrainingDataError

_BLOCK = 8 << 20  # bytes fetched at once
_MAGIC = 4  # bytes before the first row group

Ranges = list[tuple[int, int]]


def stage(
    files: Sequence[str], rank: int, ranks: int, folder: Path, moved: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """Local files in the place of those in an object store; those on a local disk stay where they are.

    A local file has the size, the footer and the row groups' places of the file it stands for, but holds the rank's own
    row groups alone; what lies between takes no room on disk. Row group i is of rank i % ranks, as petastorm's shards
    are, so that the rank reads the same rows in the same order as it would from a whole copy.

    Args:
        folder: of this rank alone.
        moved: called for each block fetched.

    Raises:
        TrainingDataError: a file cannot be read, is cut off, or the disk is too small.
    """
    if not any(map(is_store, files)):
        return tuple(files)
    folder.mkdir(parents=True, exist_ok=True)
    footers = []
    for uri in files:
        with _opened(uri, folder) as source:
            footers.append(pq.ParquetFile(source).metadata)
    groups = [footer.num_row_groups if footer.num_rows else 0 for footer in footers]  # as the reader counts
    dealt, staged = shards(sum(groups), ranks), []
    for number, (uri, footer) in enumerate(zip(files, footers, strict=True)):
        local, first = folder / f"{number:06d}.parquet", sum(groups[:number])
        with _opened(uri, folder) as source:
            size = source.size()
            spans = [_span(footer.row_group(group)) for group in range(groups[number])]
            own = [span for group, span in enumerate(spans, first) if group % dealt == rank % dealt]
            rest = (max((stop for _, stop in spans), default=_MAGIC), size)  # the footer, and indexes of pages
            _copy(source, local, size, [(0, _MAGIC), *own, rest], moved)
        if (found := pq.read_metadata(local)).num_rows != footer.num_rows or local.stat().st_size != size:
            raise TrainingDataError(
                f"{local}: {found.num_rows} rows, {local.stat().st_size} bytes; {uri}: {footer.num_rows}, {size}"
            )
        staged.append(local.as_uri())
    return tuple(staged)


@contextmanager
def _opened(uri: str, folder: Path) -> Iterator[Any]:
    """The file in the store; what fails while it is read is told as the file's fault, or as the disk's."""
    store, path = filesystem(uri)
    try:
        with store.open_input_file(path) as source:
            yield source
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):  # another rank's rows took the room
            raise TrainingDataError(f"{folder}: {os.strerror(error.errno)}; make room, or set TMPDIR") from error
        raise TrainingDataError(f"{uri}: not readable as Parquet ({error})") from error


def _span(group: Any) -> tuple[int, int]:
    """[start, stop) of a row group's bytes in its file."""
    starts, stops = [], []
    for place in range(group.num_columns):
        column = group.column(place)
        # A dictionary, where there is one, comes before the data.
        begin = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
        starts.append(begin)
        stops.append(begin + column.total_compressed_size)
    return min(starts), max(stops)


def _copy(source: Any, local: Path, size: int, ranges: Ranges, moved: Callable[[], None]) -> None:
    needed, free = sum(stop - start for start, stop in ranges), shutil.disk_usage(local.parent).free
    if needed > free:
        raise TrainingDataError(
            f"{local.parent}: {free} bytes are free, {needed} are needed for training rows; make room, or set TMPDIR"
        )
    with local.open("wb") as sink:
        sink.truncate(size)
        for start, stop in ranges:
            sink.seek(start)
            while start < stop:
                block = source.read_at(min(_BLOCK, stop - start), start)
                if not block:
                    raise TrainingDataError(f"{local}: the file in the store ends at {start}, its footer says {stop}")
                sink.write(block)
                start += len(block)
                moved()
